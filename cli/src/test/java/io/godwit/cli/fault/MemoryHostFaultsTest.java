// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

/** {@link HostFaults} where there is no KVM. */
class MemoryHostFaultsTest extends HostFaults {
    @Override
    String kind() {
        return "memory";
    }

    @Override
    int moves() {
        return 6;
    }
}
