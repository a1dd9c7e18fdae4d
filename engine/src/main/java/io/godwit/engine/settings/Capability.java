// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.settings;

import java.util.Optional;

/** A switch that both sides of a migration may have, by QEMU's public name, and whether this version has it. */
public enum Capability {
    /** Events {@code MIGRATION} and {@code MIGRATION_PASS} are sent. */
    EVENTS("events", true),
    /**
     * The destination answers on the same connection: its last word is the commit of the switchover. On by default
     * here.
     */
    RETURN_PATH("return-path", true),
    /** The source stops the guest and waits for {@code migrate-continue} before it hands it over. */
    PAUSE_BEFORE_SWITCHOVER("pause-before-switchover", true),
    /**
     * The guest's identity travels in the stream and must fit at the destination. On by default here: the token has its
     * name.
     */
    VALIDATE_UUID("validate-uuid", true),
    XBZRLE("xbzrle", false),
    RDMA_PIN_ALL("rdma-pin-all", false),
    /** A guest that dirties more than can be sent loses some of its vCPUs' time. */
    AUTO_CONVERGE("auto-converge", true),
    ZERO_BLOCKS("zero-blocks", false),
    /** The guest may be let run at the destination before its memory has arrived. Both sides must have it on. */
    POSTCOPY_RAM("postcopy-ram", true),
    /**
     * A secondary runs the same guest and is brought up to the primary by checkpoints; if one of the two hosts dies the
     * other goes on. Both sides must have it on.
     */
    X_COLO("x-colo", true),
    RELEASE_RAM("release-ram", false),
    MULTIFD("multifd", false),
    DIRTY_BITMAPS("dirty-bitmaps", false),
    /**
     * The destination tells how long vCPUs waited for pages. Godwit measures that always; the switch is there for
     * QEMU's tools.
     */
    POSTCOPY_BLOCKTIME("postcopy-blocktime", true),
    LATE_BLOCK_ACTIVATE("late-block-activate", false),
    X_IGNORE_SHARED("x-ignore-shared", false),
    BACKGROUND_SNAPSHOT("background-snapshot", false),
    ZERO_COPY_SEND("zero-copy-send", false),
    /** Pages that were asked for travel on a connection of their own. Both sides must have it on. */
    POSTCOPY_PREEMPT("postcopy-preempt", true),
    /**
     * While memory is missing at the destination, the source can take the guest back if the destination dies. Godwit's
     * own.
     */
    POSTCOPY_SAFE("postcopy-safe", true),
    SWITCHOVER_ACK("switchover-ack", false),
    /** Each vCPU that dirties more than its share of what can be sent loses some of its time. */
    DIRTY_LIMIT("dirty-limit", true),
    MAPPED_RAM("mapped-ram", false),
    /**
     * The forecast chooses what is taken from the guest, when it is stopped, and whether it goes ahead by postcopy.
     * Godwit's own.
     */
    AUTOPILOT("autopilot", true);

    private final String publicName;
    private final boolean available;

    Capability(String publicName, boolean available) {
        this.publicName = publicName;
        this.available = available;
    }

    /** The name QMP uses. */
    public String publicName() {
        return publicName;
    }

    /** Whether this version of Godwit can switch it on. */
    public boolean isAvailable() {
        return available;
    }

    /** Finds a capability by its public name. */
    public static Optional<Capability> named(String publicName) {
        for (Capability capability : values()) {
            if (capability.publicName.equals(publicName)) {
                return Optional.of(capability);
            }
        }
        return Optional.empty();
    }
}
