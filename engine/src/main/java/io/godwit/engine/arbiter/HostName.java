// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;

/** How a host names itself where hosts of several machines meet. */
public final class HostName {
    private static final int MOST_CHARACTERS = 100;

    private HostName() {}

    /** A new name, which no other host has: with a random mark, because machines may have one name and one number. */
    public static String make() {
        return "%s, process %d (mark %08x)"
                .formatted(machine(), ProcessHandle.current().pid(), new SecureRandom().nextInt());
    }

    private static String machine() {
        try {
            String name = Files.readString(Path.of("/proc/sys/kernel/hostname")).trim();
            return name.substring(0, Math.min(name.length(), MOST_CHARACTERS));
        } catch (IOException e) {
            return "a machine without a name";
        }
    }
}
