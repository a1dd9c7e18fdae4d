// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outcome;

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
    /** The guest runs at the destination; memory that it still lacks follows. */
    POSTCOPY_ACTIVE("postcopy-active"),
    /**
     * The connection was lost while memory was missing at the destination, where the guest lives; it waits for
     * recovery.
     */
    POSTCOPY_PAUSED("postcopy-paused"),
    /** The source connects again. */
    POSTCOPY_RECOVER_SETUP("postcopy-recover-setup"),
    /** Connected again; both sides agree on what is missing. */
    POSTCOPY_RECOVER("postcopy-recover"),
    /** Both sides have the guest: a secondary is kept up to the primary by checkpoints. */
    COLO("colo"),
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
            case SETUP,
                    ACTIVE,
                    PRE_SWITCHOVER,
                    DEVICE,
                    POSTCOPY_ACTIVE,
                    POSTCOPY_PAUSED,
                    POSTCOPY_RECOVER_SETUP,
                    POSTCOPY_RECOVER,
                    COLO,
                    CANCELLING -> false;
        };
    }

    /** Whether the guest lives at the destination while its memory is not all there. */
    public boolean isPostcopy() {
        return switch (this) {
            case POSTCOPY_ACTIVE, POSTCOPY_PAUSED, POSTCOPY_RECOVER_SETUP, POSTCOPY_RECOVER -> true;
            case NONE, SETUP, ACTIVE, PRE_SWITCHOVER, DEVICE, COLO, COMPLETED, FAILED, CANCELLING, CANCELLED -> false;
        };
    }
}
