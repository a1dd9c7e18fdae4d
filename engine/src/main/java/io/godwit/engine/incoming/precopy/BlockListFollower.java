// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.precopy;

import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.RamBlockEntry;
import java.util.List;

/** Makes the list of blocks of a guest that arrives what its source says that it is now. On {@code mig-incoming}. */
public final class BlockListFollower {
    /** LIMIT: each costs this side a mapping at most; a guest's memory is plugged by people. */
    private static final int MAX_LIST_CHANGES = 4096;

    private final Arrival guest;
    private int listChanges;

    /** Follows for this guest. */
    public BlockListFollower(Arrival guest) {
        this.guest = guest;
    }

    /**
     * Counts a change that is about to be made.
     *
     * @throws MigrationException.Protocol if there are too many
     */
    public void count() {
        if (++listChanges > MAX_LIST_CHANGES) {
            throw new MigrationException.Protocol("the source has changed its list of RAM blocks " + listChanges
                    + " times; " + MAX_LIST_CHANGES + " are possible in one migration");
        }
    }

    /**
     * Drops what is not in the list any more, and makes what is new in it. Only where {@link Arrival#ramPlug} is.
     *
     * @throws MigrationException.Protocol if a block has become longer or shorter, or the guest cannot have or lose one
     */
    public void follow(List<RamBlockEntry> next) {
        RamBlocks ours = guest.ram();
        RamPlug plug = guest.ramPlug().orElseThrow();
        try {
            for (RamBlock block : ours.snapshot().blocks()) {
                if (next.stream().noneMatch(entry -> entry.idstr().equals(block.idstr()))) {
                    plug.unplug(block, RamBlocks.Gate.OPEN);
                }
            }
            for (RamBlockEntry entry : next) {
                RamBlock block =
                        ours.snapshot().find(entry.idstr()).orElseGet(() -> plug.plug(entry, RamBlocks.Gate.OPEN));
                if (block.usedLength() != entry.usedLength()) {
                    throw new MigrationException.Protocol(
                            "RAM block '" + entry.idstr() + "' of " + block.usedLength() + " bytes has "
                                    + entry.usedLength() + " in the source's new list; a block keeps its length");
                }
            }
        } catch (MigrationException.Refused e) {
            throw new MigrationException.Protocol(
                    "the source's list of RAM blocks has become one that this guest cannot follow: " + e.getMessage(),
                    e);
        }
    }
}
