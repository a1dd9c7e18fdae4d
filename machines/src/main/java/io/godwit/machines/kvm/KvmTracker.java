// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.RamBlock;

/** A tracker over KVM's memory slots, which it makes and removes. */
sealed interface KvmTracker extends DirtyTracker, AutoCloseable permits KvmDirtyTracker, KvmRingTracker {
    /** The slot of the RAM that the guest was made with; those of others follow. */
    int SLOT = 0;

    /**
     * Gives a block to the guest, logged if others are. Any thread.
     *
     * @param slot differs from those of other blocks
     * @param guestAddress where the guest finds it
     */
    void add(RamBlock block, int slot, long guestAddress);

    /**
     * Takes a block away from the guest. Any thread; waits for a harvest of that block at most, as for KVM's own lock.
     */
    void remove(RamBlock block);

    /** A vCPU cannot go on before its ring is emptied. Called by vCPU threads. */
    void ringFull();

    @Override
    void close();
}
