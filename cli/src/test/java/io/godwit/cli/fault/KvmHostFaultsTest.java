// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** {@link HostFaults} with virtual machines. */
@Tag("kernel")
class KvmHostFaultsTest extends HostFaults {
    @BeforeAll
    static void needsKvm() {
        assumeThat(Machines.choose(GuestKind.AUTO).kind())
                .as("KVM is needed: " + Machines.choose(GuestKind.AUTO).reason())
                .isEqualTo(GuestKind.KVM);
    }

    @Override
    String kind() {
        return "kvm";
    }

    @Override
    int moves() {
        return 10;
    }
}
