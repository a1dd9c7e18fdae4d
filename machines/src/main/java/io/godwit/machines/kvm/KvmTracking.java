// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.kvm;

import java.util.Locale;

/** How KVM tells which pages a guest writes. */
public enum KvmTracking {
    /**
     * A bitmap of the whole memory, which the host reads. Cheap for the vCPUs; reading costs as much as there is
     * memory.
     */
    LOG,
    /**
     * A ring for each vCPU, which the vCPU fills. Reading costs as much as was written; a vCPU waits when its ring is
     * full.
     */
    RINGS;

    /** The name on the command line: log or rings. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
