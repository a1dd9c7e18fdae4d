// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.memory.RamBlock;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.HostPages;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.programs.GuestProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Guests whose RAM is made of hugetlbfs pages. */
final class HugePagesTest {
    private static final int HUGE = 2 << 20;

    private static GuestOptions options(GuestKind kind) {
        return TestMachines.unlimited(TestMachines.options(kind, GuestProgram.DIRTIER))
                .withPages(HostPages.HUGE_2M);
    }

    @Tag("kernel")
    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void guestRunsInHugePagesAndIsTrackedByOrdinaryOnes(GuestKind kind) {
        GuestOptions options = options(kind);
        try (HugePagePool _ = HugePagePool.reserve(options.memoryBytes() / HUGE);
                Machine machine = TestMachines.boot(options)) {
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            assertThat(ram.pageBytes()).isEqualTo(HUGE);
            machine.dirtyTracker().start();
            ram.dirtyBitmap().setAll();
            machine.vcpus().resume();
            try (TestMachines.Copy copy = new TestMachines.Copy(ram)) {
                for (int pass = 0; pass < 10; pass++) {
                    long work = machine.workPages();
                    TestMachines.await(() -> machine.workPages() > work + 100, machine);
                    long _ = machine.dirtyTracker().harvest(ram);
                    copy.takeDirtyPages();
                }
                machine.vcpus().pause(TestMachines.DEADLINE);
                long last = machine.dirtyTracker().harvest(ram);
                assertThat(last).isLessThan(ram.pageCount());
                copy.takeDirtyPages();
                assertThat(copy.firstDifference()).isEqualTo(-1);
            }
            assertThat(machine.mismatches()).isZero();
            machine.dirtyTracker().stop();
        }
    }

    @Test
    void hostWithTooFewHugePagesSaysHowManyAreNeeded() throws IOException {
        assumeTrue(
                Files.isReadable(Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")),
                "this kernel has no huge pages of 2 MiB");
        GuestOptions options = options(GuestKind.MEMORY).withMemoryBytes(256L << 30);
        assumeTrue(HugePagePool.free() < options.memoryBytes() / HUGE, "this host has 256 GiB of free huge pages");
        assertThatThrownBy(() -> TestMachines.boot(options))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContainingAll(
                        "262144 MiB", "needs 131072 pages of 2 MiB", " free of ", "/proc/sys/vm/nr_hugepages");
    }

    @Test
    void otherSizesAreRefused() {
        assertThat(HostPages.ofByteLength(HUGE)).isEqualTo(HostPages.HUGE_2M);
        assertThatThrownBy(() -> HostPages.ofByteLength(1L << 30))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("4 KiB or of 2 MiB");
    }
}
