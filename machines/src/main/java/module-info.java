// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The guests Godwit hosts: a KVM machine and a machine of this JVM. */
module io.godwit.machines {
    requires transitive io.godwit.engine;
    requires static org.jspecify;

    exports io.godwit.machines;
}
