// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The Linux kernel as Godwit uses it; the only module that touches {@code java.lang.foreign}. */
module io.godwit.linux {
    requires static org.jspecify;

    exports io.godwit.linux;
    exports io.godwit.linux.io;
    exports io.godwit.linux.kvm;
    exports io.godwit.linux.memory;
    exports io.godwit.linux.process;
}
