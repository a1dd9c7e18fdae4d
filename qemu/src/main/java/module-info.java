// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** What Godwit does for guests of unmodified QEMUs: it keeps them in a store and brings them back. */
module io.godwit.qemu {
    requires transitive io.godwit.control;
    requires transitive io.godwit.engine;
    requires transitive io.godwit.store;
    requires io.godwit.linux;
    requires jdk.net;
    requires static org.jspecify;

    exports io.godwit.qemu.capture;
    exports io.godwit.qemu.doctor;
    exports io.godwit.qemu.relay;
    exports io.godwit.qemu.restore;
}
