// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import java.util.Locale;

/** What runs a guest. */
public enum GuestKind {
    /** KVM where it can be used, else memory. */
    AUTO,
    /** A virtual machine on /dev/kvm. */
    KVM,
    /** Threads of this JVM. */
    MEMORY,
    /** Nothing: whatever arrives is kept as bytes. */
    OPAQUE;

    /** The name on the command line: auto, kvm, memory or opaque. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
