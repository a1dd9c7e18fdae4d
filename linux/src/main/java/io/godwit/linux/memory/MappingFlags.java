// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * What the kernel notes about a mapping, by its two-letter names: {@code lo} locked, {@code hg} and {@code nh}
 * transparent huge pages advised and forbidden, {@code ht} huge pages of hugetlbfs. Specification: proc_pid_smaps(5),
 * VmFlags.
 */
public final class MappingFlags {
    private static final Path MAPPINGS = Path.of("/proc/self/smaps");
    private static final String FLAGS = "VmFlags:";

    private MappingFlags() {}

    /** The flags of the mapping that holds {@code address}; none if nothing is mapped there. Costs milliseconds. */
    public static Set<String> of(long address) {
        try (BufferedReader lines = Files.newBufferedReader(MAPPINGS)) {
            boolean inside = false;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                int dash = line.indexOf('-');
                int space = line.indexOf(' ');
                if (dash > 0 && space > dash && Character.digit(line.charAt(0), 16) >= 0) {
                    inside = holds(line, dash, space, address);
                } else if (inside && line.startsWith(FLAGS)) {
                    return Set.copyOf(
                            List.of(line.substring(FLAGS.length()).strip().split(" +", -1)));
                }
            }
            return Set.of();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + MAPPINGS, e);
        }
    }

    private static boolean holds(String line, int dash, int space, long address) {
        long start = Long.parseUnsignedLong(line, 0, dash, 16);
        long end = Long.parseUnsignedLong(line, dash + 1, space, 16);
        return Long.compareUnsigned(start, address) <= 0 && Long.compareUnsigned(address, end) < 0;
    }
}
