// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

/** Why protection ended, by QEMU's public names ({@code query-colo-status}, event {@code COLO_EXIT}). */
public enum ColoExitReason {
    /** There was none, or it goes on. */
    NONE("none"),
    /** Somebody asked for it. */
    REQUEST("request"),
    /** The other side is lost. */
    ERROR("error"),
    /** A failover is under way. */
    PROCESSING("processing");

    private final String publicName;

    ColoExitReason(String publicName) {
        this.publicName = publicName;
    }

    /** The name QMP uses. */
    public String publicName() {
        return publicName;
    }
}
