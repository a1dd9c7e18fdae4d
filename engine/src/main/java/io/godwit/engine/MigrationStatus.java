// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

/** Where a migration stands, by QEMU's public names ({@code query-migrate}, event {@code MIGRATION}). */
public enum MigrationStatus {
    /** There has been none. */
    NONE("none"),
    /** Connecting, and announcing the guest. */
    SETUP("setup"),
    /** Memory is on its way while the guest runs at the source. */
    ACTIVE("active"),
    /** The guest is stopped and waits for {@code migrate-continue}. */
    PRE_SWITCHOVER("pre-switchover"),
    /** The guest is stopped; the last pages and the devices are on their way. */
    DEVICE("device"),
    /** The guest lives at the destination. */
    COMPLETED("completed"),
    /** It ended with an error, which says who owns the guest. */
    FAILED("failed"),
    /** A cancel was asked for and is being carried out. */
    CANCELLING("cancelling"),
    /** It was cancelled; the guest is where it was. */
    CANCELLED("cancelled");

    private final String publicName;

    MigrationStatus(String publicName) {
        this.publicName = publicName;
    }

    /** The name QMP uses. */
    public String publicName() {
        return publicName;
    }

    /** Whether nothing more happens in this state. */
    public boolean isEnded() {
        return switch (this) {
            case NONE, COMPLETED, FAILED, CANCELLED -> true;
            case SETUP, ACTIVE, PRE_SWITCHOVER, DEVICE, CANCELLING -> false;
        };
    }
}
