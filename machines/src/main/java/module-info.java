// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The guests Godwit hosts: a KVM machine and a machine of this JVM. */
module io.godwit.machines {
    requires transitive io.godwit.engine;
    requires static org.jspecify;

    exports io.godwit.machines;
    exports io.godwit.machines.client;
    exports io.godwit.machines.guest;
    exports io.godwit.machines.kvm;
    exports io.godwit.machines.memory;
    exports io.godwit.machines.opaque;
    exports io.godwit.machines.programs;
    exports io.godwit.machines.service;
    exports io.godwit.machines.vcpu;
}
