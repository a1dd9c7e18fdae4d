// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The {@code godwit} command. */
module io.godwit.cli {
    requires io.godwit.control;
    requires io.godwit.engine;
    requires io.godwit.host;
    requires io.godwit.machines;
    requires io.godwit.qemu;
    requires io.godwit.store;
    requires io.godwit.stream;
    requires info.picocli;
    requires jdk.unsupported;
    requires static org.jspecify;

    opens io.godwit.cli to
            info.picocli;
}
