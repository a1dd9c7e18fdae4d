// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import io.godwit.engine.guest.DirtyTracker;

/** A tracker over KVM's memory slot 0. */
sealed interface KvmTracker extends DirtyTracker, AutoCloseable permits KvmDirtyTracker, KvmRingTracker {
    /** The slot of all RAM. */
    int SLOT = 0;

    /** A vCPU cannot go on before its ring is emptied. Called by vCPU threads. */
    void ringFull();

    @Override
    void close();
}
