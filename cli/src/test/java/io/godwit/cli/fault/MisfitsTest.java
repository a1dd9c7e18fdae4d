// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Destinations that are not made for the guest: both sides say so, and it runs on. */
@Timeout(120)
class MisfitsTest {
    @TempDir
    private Path directory = Path.of("");

    private static List<String> guest(String kind) {
        return List.of("--guest", kind, "--working-set", "4M", "--dirty-rate", "20000");
    }

    @Test
    void anotherMemorySizeIsRefused() {
        assertRefused("memory", List.of("--memory", "32M"), List.of("--memory", "48M"), "ram", "33554432", "50331648");
    }

    @Test
    void anotherNumberOfVcpusIsRefused() {
        assertRefused(
                "memory",
                List.of("--memory", "32M", "--cpus", "2"),
                List.of("--memory", "32M", "--cpus", "1"),
                "device program/1");
        assertRefused(
                "memory",
                List.of("--memory", "32M", "--cpus", "1"),
                List.of("--memory", "32M", "--cpus", "2"),
                "device program/1");
    }

    @Test
    @Tag("kernel")
    void anotherKindOfMachineIsRefused() {
        assumeThat(Machines.choose(GuestKind.AUTO).kind())
                .as("KVM is needed: " + Machines.choose(GuestKind.AUTO).reason())
                .isEqualTo(GuestKind.KVM);
        List<String> memory = List.of("--memory", "32M");
        assertRefused("kvm", memory, List.of("--memory", "32M", "--guest", "memory"), "kvm", "memory");
        assertRefused("memory", memory, List.of("--memory", "32M", "--guest", "kvm"), "kvm", "memory");
    }

    private void assertRefused(String kind, List<String> here, List<String> there, String... words) {
        List<String> arguments = new ArrayList<>(guest(kind));
        if (there.contains("--guest")) {
            arguments.removeFirst();
            arguments.removeFirst();
        }
        List<String> atSource = new ArrayList<>(here);
        if (there.contains("--guest")) {
            atSource.addAll(List.of("--guest", kind));
        }
        try (Lab lab = new Lab(directory, arguments)) {
            Host source = lab.source(atSource.toArray(String[]::new));
            Host destination = lab.destination(there.toArray(String[]::new));
            source.migrate("tcp:127.0.0.1:" + destination.listen());
            assertThat(destination.awaitEnd()).isEqualTo("failed");
            assertThat(destination.error())
                    .containsIgnoringCase(words[0])
                    .contains("the guest was not started here and belongs to the source");
            for (String word : words) {
                assertThat(destination.error()).containsIgnoringCase(word);
            }
            assertThat(source.awaitEnd()).isEqualTo("failed");
            assertThat(source.error()).contains("refused the guest", "the guest is here, as it was");
            assertThat(destination.guest().beats()).isZero();
            source.assertRunsWell(1024);
        }
    }
}
