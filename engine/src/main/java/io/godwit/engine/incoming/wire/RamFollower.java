// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.RamBlockEntry;
import java.util.ArrayList;
import java.util.List;

/** Makes the list of blocks of a guest that arrives what its source says that it is now. On {@code mig-incoming}. */
public final class RamFollower {
    private RamFollower() {}

    /**
     * The guest's blocks as the stream numbers them.
     *
     * @throws MigrationException.Protocol if the guest lacks one
     */
    public static RamBlocks.Snapshot inOrder(RamBlocks.Snapshot ram, List<String> order) {
        List<RamBlock> blocks = new ArrayList<>();
        for (String idstr : order) {
            blocks.add(ram.find(idstr)
                    .orElseThrow(() -> new MigrationException.Protocol(
                            "the source has a RAM block '" + idstr + "', this guest has none")));
        }
        return new RamBlocks.Snapshot(ram.version(), List.copyOf(blocks));
    }

    /**
     * Drops what is not in the list any more, and makes what is new in it.
     *
     * @throws MigrationException.Protocol if a block has become longer or shorter, or the guest cannot have or lose one
     */
    public static void follow(RamBlocks ours, RamPlug plug, List<RamBlockEntry> next) {
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
