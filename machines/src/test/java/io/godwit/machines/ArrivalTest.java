// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.VcpuStuckException;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.HostPages;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.memory.MemoryMachine;
import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.GuestProgram;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Guests whose memory arrives while they run. */
@Tag("kernel")
final class ArrivalTest {
    private static final long LIMIT_SECONDS = 60;

    @ParameterizedTest
    @CsvSource({"KVM,ORDINARY,1", "KVM,ORDINARY,2", "MEMORY,ORDINARY,2"})
    void everyPageComesAsItIsMissedWhileTheCollectorRuns(
            GuestKind kind, String pages, String cpus, @TempDir Path directory) throws Exception {
        assumeFaults(kind);
        assertThat(child(directory, kind.name(), pages, cpus)).contains(" faults, 0 mismatches");
    }

    @ParameterizedTest
    @CsvSource({"KVM,2", "MEMORY,2"})
    void hugePagesComeWhole(GuestKind kind, String cpus, @TempDir Path directory) throws Exception {
        assumeFaults(kind);
        try (HugePagePool _ = HugePagePool.reserve(2 * ArrivalUnderCollector.MEMORY / HostPages.HUGE_2M.byteLength())) {
            assertThat(child(directory, kind.name(), HostPages.HUGE_2M.name(), cpus))
                    .contains(" faults, 0 mismatches");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void guestThatWaitsForAPageCanBePausedAndGoesOn(GuestKind kind) {
        assumeFaults(kind);
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER).withCpus(2);
        try (Machine from = TestMachines.boot(options);
                Machine to = TestMachines.create(options, Origin.ARRIVAL)) {
            from.vcpus().resume();
            TestMachines.await(() -> from.workPages() > 3000, from);
            from.vcpus().pause(TestMachines.DEADLINE);
            try (LatePages late = new LatePages(from, to, 0)) {
                to.acceptDevices(from.devices().stream().map(DeviceState::save).toList());
                // KERNEL: where KVM itself reads the guest's page tables and code, it does not leave that wait for a
                // signal.
                late.push(BootLayout.BYTE_LENGTH / RamBlock.PAGE_BYTES);
                to.vcpus().resume();
                for (int round = 0; round < 20; round++) {
                    late.hold();
                    TestMachines.await(late::isHolding, to);
                    to.vcpus().pause(TestMachines.DEADLINE);
                    long work = to.workPages();
                    late.release();
                    assertThat(to.workPages()).isEqualTo(work);
                    to.vcpus().resume();
                    TestMachines.await(() -> to.workPages() > work + 10, to);
                }
                late.pushRest();
                long work = to.workPages();
                TestMachines.await(() -> to.workPages() > work + 3000, to);
                to.vcpus().pause(TestMachines.DEADLINE);
                assertThat(to.mismatches())
                        .as(() -> "first: " + to.firstMismatch())
                        .isZero();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void pauseNeverOutlastsItsDeadlineWhateverPageIsMissed(GuestKind kind) {
        assumeFaults(kind);
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER);
        try (Machine from = TestMachines.boot(options);
                Machine to = TestMachines.create(options, Origin.ARRIVAL);
                LatePages late = new LatePages(from, to, 0)) {
            for (DeviceState device : from.devices()) {
                to.devices().get(device.instanceId()).load(device.save());
            }
            // The first page that a guest on KVM misses is its page map, which this kernel's KVM reads itself.
            late.hold();
            to.vcpus().resume();
            TestMachines.await(late::isHolding, to);
            try {
                to.vcpus().pause(Duration.ofMillis(200));
                to.vcpus().resume();
            } catch (VcpuStuckException stuck) {
                assertThat(stuck).hasMessageContainingAll("200 ms", "the guest still runs here");
            }
            late.release();
            TestMachines.await(() -> to.workPages() > 3000, to);
            to.vcpus().pause(TestMachines.DEADLINE);
            assertThat(to.mismatches()).as(() -> "first: " + to.firstMismatch()).isZero();
        }
    }

    @Test
    void dirtyLogFindsWhatAGuestWritesWhileItsMemoryArrives() {
        assumeFaults(GuestKind.KVM);
        GuestOptions options = TestMachines.unlimited(TestMachines.options(GuestKind.KVM, GuestProgram.DIRTIER))
                .withCpus(2);
        try (Machine from = TestMachines.boot(options);
                Machine to = TestMachines.create(options, Origin.ARRIVAL)) {
            assertDirtyPagesAreKnown(from, to);
        }
    }

    @Test
    void marksFindWhatAGuestWritesWhileItsMemoryArrives() {
        assumeFaults(GuestKind.MEMORY);
        GuestOptions options = TestMachines.unlimited(TestMachines.options(GuestKind.MEMORY, GuestProgram.DIRTIER));
        try (Machine from = TestMachines.boot(options);
                Machine to = MemoryMachine.create(options, Origin.ARRIVAL, MemoryMachine.Tracking.MARKS)) {
            assertDirtyPagesAreKnown(from, to);
        }
    }

    /** What came from the source and what the tracker found dirty make up the guest's memory, at every moment. */
    private static void assertDirtyPagesAreKnown(Machine from, Machine to) {
        RamBlock source = from.ram().snapshot().blocks().getFirst();
        RamBlock target = to.ram().snapshot().blocks().getFirst();
        try (LatePages late = new LatePages(from, to, 50_000);
                TestMachines.Copy copy = new TestMachines.Copy(target)) {
            copy.take(source);
            to.dirtyTracker().start();
            to.acceptDevices(from.devices().stream().map(DeviceState::save).toList());
            to.vcpus().resume();
            for (int pass = 0; pass < 30; pass++) {
                long work = to.workPages();
                TestMachines.await(() -> to.workPages() > work + 30, to);
                long _ = to.dirtyTracker().harvest(target);
                copy.takeDirtyPages();
            }
            to.vcpus().pause(TestMachines.DEADLINE);
            assertThat(late.asked()).isGreaterThan(30);
            late.pushRest();
            long _ = to.dirtyTracker().harvest(target);
            copy.takeDirtyPages();
            assertThat(copy.firstDifference()).isEqualTo(-1);
            assertThat(to.mismatches()).isZero();
            to.dirtyTracker().stop();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void rehearsalOfPostcopyLeavesNothingBehind(GuestKind kind) {
        assumeFaults(kind);
        PostcopyWarmUp.of(kind, Machines::make);
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("mig-") || name.startsWith("uffd-") || name.startsWith("vcpu-"));
    }

    static void assumeFaults(GuestKind kind) {
        if (kind == GuestKind.KVM) {
            TestMachines.assumeKvm();
        }
        if (Userfaultfd.support(Set.of(), LatePages.whose(kind)) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
    }

    /** Runs it in a JVM of its own: one that hangs at a safepoint would take the tests' with it. */
    private static String child(Path directory, String... arguments) throws Exception {
        List<String> path = List.of(
                "target/classes",
                "target/test-classes",
                "../engine/target/classes",
                "../stream/target/classes",
                "../linux/target/classes");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:-CreateCoredumpOnCrash",
                "-Xmx64m",
                "-ea",
                "-cp",
                String.join(":", path),
                ArrivalUnderCollector.class.getName()));
        command.addAll(List.of(arguments));
        Path output = directory.resolve("child.txt");
        Process child = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = child.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
        if (!ended) {
            // A JVM that hangs at a safepoint does not answer to SIGTERM.
            child.destroyForcibly().waitFor();
        }
        String printed = Files.readString(output);
        assertThat(ended)
                .as("ends within %d s; it printed:%n%s", LIMIT_SECONDS, printed)
                .isTrue();
        assertThat(child.exitValue())
                .as("exit status; it printed:%n%s", printed)
                .isZero();
        return printed;
    }
}
