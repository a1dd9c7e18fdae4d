// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AvailableMemoryTest {
    private static final long MIB = 1L << 20;

    @TempDir
    private Path root = Path.of("");

    private AvailableMemory now(String ownGroups) throws IOException {
        write("proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:    8192 kB\n");
        write("proc/self/cgroup", ownGroups);
        return AvailableMemory.now(root.resolve("proc"), root.resolve("groups"));
    }

    private void write(String file, String content) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.resolveSibling(""));
        Files.writeString(path, content);
    }

    @Test
    void withoutLimitsItIsWhatTheHostHas() throws IOException {
        write("groups/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        write("groups/memory/a/memory.usage_in_bytes", "4096\n");
        assertThat(now("4:memory:/a\n3:cpu,cpuacct:/\n0::/\n")).isEqualTo(new AvailableMemory(8 * MIB, "this host"));
    }

    /** What it has in files that nobody has read lately is given up first. */
    @Test
    void aLimitOfVersionOneCounts() throws IOException {
        write("groups/memory/a/memory.limit_in_bytes", Long.toString(5 * MIB));
        write("groups/memory/a/memory.usage_in_bytes", Long.toString(4 * MIB));
        write("groups/memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file " + 2 * MIB + "\n");
        assertThat(now("4:memory:/a\n")).isEqualTo(new AvailableMemory(3 * MIB, "its control group /a"));
    }

    @Test
    void theTightestGroupAboveCountsToo() throws IOException {
        write("groups/a/b/memory.max", "max\n");
        write("groups/a/b/memory.current", Long.toString(MIB));
        write("groups/a/memory.max", Long.toString(4 * MIB));
        write("groups/a/memory.current", Long.toString(2 * MIB));
        assertThat(now("0::/a/b\n")).isEqualTo(new AvailableMemory(2 * MIB, "its control group /a"));
    }

    /** A container sees its own group as the root. */
    @Test
    void aGroupThatIsNotSeenByItsNameIsTheRoot() throws IOException {
        write("groups/memory.max", Long.toString(4 * MIB));
        write("groups/memory.current", Long.toString(3 * MIB));
        assertThat(now("0::/../../else\n").bytes()).isEqualTo(MIB);
        assertThat(now("0::/not/here\n").bytes()).isEqualTo(MIB);
    }

    @Test
    void whatIsOverTheLimitLeavesNothing() throws IOException {
        write("groups/a/memory.max", Long.toString(MIB));
        write("groups/a/memory.current", Long.toString(2 * MIB));
        assertThat(now("0::/a\n").bytes()).isZero();
    }

    @Test
    void thisMachineCanBeAsked() {
        assertThat(AvailableMemory.now().bytes()).isPositive();
    }
}
