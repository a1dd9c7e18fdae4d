// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

/** What this host is to a protected guest, by QEMU's public names ({@code query-colo-status}). */
public enum ColoMode {
    /** There is no protection. */
    NONE("none"),
    /** It has the guest that counts. */
    PRIMARY("primary"),
    /** It has the guest that takes its place. */
    SECONDARY("secondary");

    private final String publicName;

    ColoMode(String publicName) {
        this.publicName = publicName;
    }

    /** The name QMP uses. */
    public String publicName() {
        return publicName;
    }
}
