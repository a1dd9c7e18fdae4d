// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * How much memory this process can still take without swapping: what the machine has, or what is left of the tightest
 * limit of a control group that holds the process. Specification: proc_meminfo(5), cgroups(7), memory controllers of
 * version 1 and 2.
 *
 * @param bytes at this moment; others take memory too
 * @param source what sets it, for people: {@code this host} or {@code its control group /NAME}
 */
public record AvailableMemory(long bytes, String source) {
    private static final Path PROC = Path.of("/proc");
    private static final Path GROUPS = Path.of("/sys/fs/cgroup");

    /** A controller's files below one mount. */
    private record Controller(Path mount, String limit, String usage, String idle) {
        OptionalLong left(Path group) throws IOException {
            Optional<Long> limited = number(group.resolve(limit));
            Optional<Long> used = number(group.resolve(usage));
            if (limited.isEmpty() || used.isEmpty()) {
                return OptionalLong.empty();
            }
            // Files that nobody has read lately are given up before anybody is refused memory.
            long givenUp = field(group.resolve("memory.stat"), idle + " ").orElse(0L);
            return OptionalLong.of(Math.max(0, limited.get() - used.get() + givenUp));
        }
    }

    /** Now. */
    public static AvailableMemory now() {
        return now(PROC, GROUPS);
    }

    static AvailableMemory now(Path proc, Path groups) {
        try {
            long kibibytes = field(proc.resolve("meminfo"), "MemAvailable:")
                    .orElseThrow(() -> new IOException("no MemAvailable in " + proc.resolve("meminfo")));
            AvailableMemory tightest = new AvailableMemory(kibibytes << 10, "this host");
            for (String line : Files.readAllLines(proc.resolve("self/cgroup"))) {
                String[] fields = line.split(":", 3);
                Optional<Controller> controller = fields.length == 3 ? controller(groups, fields[1]) : Optional.empty();
                if (controller.isPresent()) {
                    tightest = tightest.within(controller.get(), fields[2]);
                }
            }
            return tightest;
        } catch (IOException e) {
            throw new UncheckedIOException("how much memory this host can give cannot be found out", e);
        }
    }

    private static Optional<Controller> controller(Path groups, String controllers) {
        if (controllers.isEmpty()) {
            Path unified = groups.resolve("unified");
            return Optional.of(new Controller(
                    Files.isDirectory(unified) ? unified : groups, "memory.max", "memory.current", "inactive_file"));
        }
        return (',' + controllers + ',').contains(",memory,")
                ? Optional.of(new Controller(
                        groups.resolve("memory"),
                        "memory.limit_in_bytes",
                        "memory.usage_in_bytes",
                        "total_inactive_file"))
                : Optional.empty();
    }

    /** The same, or less if a group from {@code name} up to the root of its mount has less left. */
    private AvailableMemory within(Controller controller, String name) throws IOException {
        AvailableMemory tightest = this;
        Path mount = controller.mount();
        Path own = mount.resolve(name.substring(1)).normalize();
        // A container may not see its group under the name that the kernel has for it; its mount is the group then.
        Path group = own.startsWith(mount) ? own : mount;
        while (true) {
            OptionalLong left = controller.left(group);
            if (left.isPresent() && left.getAsLong() < tightest.bytes) {
                tightest = new AvailableMemory(left.getAsLong(), "its control group /" + mount.relativize(group));
            }
            if (group.equals(mount)) {
                return tightest;
            }
            group = group.resolve("..").normalize();
        }
    }

    /** A number in a file of its own; nothing if there is no such file, or it says {@code max}. */
    private static Optional<Long> number(Path file) throws IOException {
        if (!Files.isReadable(file)) {
            return Optional.empty();
        }
        String content = Files.readString(file).strip();
        return content.equals("max") ? Optional.empty() : Optional.of(Long.valueOf(content));
    }

    /** The number behind {@code name} at the start of a line. */
    private static Optional<Long> field(Path file, String name) throws IOException {
        if (!Files.isReadable(file)) {
            return Optional.empty();
        }
        return Files.readAllLines(file).stream()
                .filter(line -> line.startsWith(name))
                .map(line -> Long.valueOf(line.substring(name.length()).replaceAll("[^0-9]", "")))
                .findFirst();
    }
}
