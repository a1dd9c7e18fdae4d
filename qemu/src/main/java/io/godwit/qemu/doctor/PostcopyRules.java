// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Whether the kernel of a destination on this host lets a QEMU have missing pages filled by a program. */
final class PostcopyRules {
    private static final Path SWITCH = Path.of("/proc/sys/vm/unprivileged_userfaultfd");
    private static final Path DEVICE = Path.of("/dev/userfaultfd");

    private PostcopyRules() {}

    static Stream<Finding> userfaultfd(Side destination) {
        if (!destination.isHere() || destination.has("postcopy-ram")) {
            // A QEMU whose capability is on has tried it.
            return Stream.of();
        }
        if (!Files.exists(SWITCH)) {
            return Stream.of(Finding.note(
                    "userfaultfd",
                    "This host's kernel has no userfaultfd, so that no postcopy can arrive here.",
                    "Migrate by precopy."));
        }
        return userfaultfd(read(), Files.isWritable(DEVICE));
    }

    /** By what the kernel's switch says. */
    static Stream<Finding> userfaultfd(String unprivileged, boolean deviceIsOpen) {
        return unprivileged.equals("0")
                ? Stream.of(Finding.note(
                        "userfaultfd",
                        "vm.unprivileged_userfaultfd is 0 on this host: postcopy arrives only at a QEMU that is root"
                                + (deviceIsOpen ? " or may write to /dev/userfaultfd." : "."),
                        "For others: sysctl vm.unprivileged_userfaultfd=1, or let them write to /dev/userfaultfd."))
                : Stream.of();
    }

    private static String read() {
        try {
            return Files.readString(SWITCH).strip();
        } catch (IOException e) {
            return "?";
        }
    }
}
