// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.RamBlockEntry;

/**
 * Adds memory to a guest and takes it away while the guest runs, or while it arrives from a source whose guest has it.
 * An implementation keeps this order, so that no write is lost and nothing is unmapped under anybody: memory that comes
 * is mapped, tracked, put into the guest's {@link RamBlocks} and only then used; memory that goes is taken out of the
 * list, which decides whether it may, then hidden from the guest, and freed by {@link RamBlocks#remove}'s last user.
 *
 * <p>Threads: any; no method waits for a migration.
 */
public interface RamPlug {
    /**
     * Makes a block, empty. At a destination the entry comes from the network: name, length and sum are checked before
     * anything is made.
     *
     * @param gate goes with the change of the list, to {@link RamBlocks#add}
     * @throws MigrationException.Refused if the guest cannot have it, the list is held, or the gate is closed; then
     * nothing has changed
     */
    RamBlock plug(RamBlockEntry entry, RamBlocks.Gate gate);

    /**
     * Takes a block away.
     *
     * @param gate goes with the change of the list, to {@link RamBlocks#remove}
     * @throws MigrationException.Refused if it is none of those that can go, the list is held, or the gate is closed;
     * then nothing has changed
     */
    void unplug(RamBlock block, RamBlocks.Gate gate);
}
