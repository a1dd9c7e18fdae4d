// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.memory.NativeMemory;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class BootAreaTest {
    private static final long RAM = 8L << 20;

    @ParameterizedTest
    @EnumSource
    void everyProgramFitsItsPlaceAndEndsInJump(GuestProgram program) {
        byte[] code = MachineCode.of(program);
        assertThat(code).hasSizeLessThanOrEqualTo(0x400);
        assertThat(code[code.length - 5] == (byte) 0xe9 || code[code.length - 2] == (byte) 0xeb)
                .isTrue();
        assertThat(GuestProgram.named(program.toString())).hasValue(program);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 7, 64, 100, 1024, 16_384, 65_537, 262_143})
    void randomOrderVisitsEachPageOnce(long pages) {
        long step = SweepOrder.step(pages);
        assertThat(step).isLessThan(Math.max(2, pages));
        assertThat(SweepOrder.shift(pages)).isLessThan(pages);
        BitSet visited = new BitSet();
        long index = 0;
        for (long i = 0; i < pages; i++) {
            visited.set((int) index);
            index += step;
            index -= index >= pages ? pages : 0;
        }
        assertThat(visited.cardinality()).isEqualTo((int) pages);
        assertThat(index).isZero();
    }

    @Test
    void fillIsTheSameForTheSameSeed() {
        try (NativeMemory one = NativeMemory.allocate(RAM);
                NativeMemory two = NativeMemory.allocate(RAM)) {
            BootArea.install(one, 3, dirtier(0));
            BootArea.install(two, 3, dirtier(0));
            assertThat(NativeMemory.mismatch(one, 0, two, 0, RAM)).isEqualTo(-1);
        }
    }

    @Test
    void vcpusShareTheWorkingSetWithoutOverlap() {
        try (NativeMemory ram = NativeMemory.allocate(RAM)) {
            BootArea.install(ram, 3, dirtier(30_000));
            long next = BootLayout.BYTE_LENGTH;
            long pages = 0;
            for (int vcpu = 0; vcpu < 3; vcpu++) {
                ControlBlock block = ControlBlock.of(ram, vcpu);
                assertThat(block.get(ControlBlock.FIRST_ADDRESS)).isEqualTo(next);
                next += block.pageCount() * NativeMemory.PAGE_BYTES;
                pages += block.pageCount();
            }
            assertThat(pages).isEqualTo((4L << 20) / NativeMemory.PAGE_BYTES);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 60, 99})
    void firstVcpuMayHaveAnotherShareOfTheSetAndOfTheRate(int percent) {
        try (NativeMemory ram = NativeMemory.allocate(RAM)) {
            BootArea.install(ram, 3, dirtier(30_000).withFirstVcpuPercent(percent));
            long all = (4L << 20) / NativeMemory.PAGE_BYTES;
            long[] pages = new long[3];
            long next = BootLayout.BYTE_LENGTH;
            for (int vcpu = 0; vcpu < 3; vcpu++) {
                ControlBlock block = ControlBlock.of(ram, vcpu);
                assertThat(block.get(ControlBlock.FIRST_ADDRESS)).isEqualTo(next);
                pages[vcpu] = block.pageCount();
                next += pages[vcpu] * NativeMemory.PAGE_BYTES;
                assertThat(block.get(ControlBlock.RATE))
                        .isEqualTo(BootLayout.fixedPointRate(30_000 * pages[vcpu] / all));
            }
            assertThat(pages[0]).isEqualTo(all * percent / 100);
            assertThat(pages[0] + pages[1] + pages[2]).isEqualTo(all);
            assertThat(pages[2] - pages[1]).isBetween(0L, 1L);
        }
    }

    @Test
    void firstVcpuOfOneHasEverythingWhateverItsShare() {
        try (NativeMemory ram = NativeMemory.allocate(RAM)) {
            BootArea.install(ram, 1, dirtier(30_000).withFirstVcpuPercent(10));
            assertThat(ControlBlock.of(ram, 0).pageCount()).isEqualTo((4L << 20) / NativeMemory.PAGE_BYTES);
        }
    }

    @Test
    void shareOfWholeWorkingSetIsRefused() {
        assertThatThrownBy(() -> dirtier(0).withFirstVcpuPercent(100)).hasMessageContaining("1 to 99 percent");
    }

    @Test
    void onlyGuestsThatRunTheServiceHaveItsCode() {
        long place = BootArea.entryPoint(GuestProgram.SERVICE);
        try (NativeMemory one = NativeMemory.allocate(RAM);
                NativeMemory other = NativeMemory.allocate(RAM)) {
            BootArea.install(one, 1, dirtier(0));
            assertThat(one.isZero(place, NativeMemory.PAGE_BYTES)).isTrue();
            BootArea.install(other, 2, new Workload(GuestProgram.SERVICE, 0, 0, WriteOrder.SWEEP, RamFill.RANDOM, 1));
            assertThat(other.isZero(place, NativeMemory.PAGE_BYTES)).isFalse();
            assertThat(ControlBlock.of(other, 0).program()).isEqualTo(GuestProgram.SERVICE);
            assertThat(ControlBlock.of(other, 1).program()).isEqualTo(GuestProgram.IDLE);
            assertThat(ControlBlock.of(other, 0).pageCount() * NativeMemory.PAGE_BYTES)
                    .isEqualTo(ServiceLayout.MIN_BYTES);
        }
    }

    @Test
    void vcpuWithoutShareIdles() {
        try (NativeMemory ram = NativeMemory.allocate(RAM)) {
            BootArea.install(ram, 2, new Workload(GuestProgram.DIRTIER, 4096, 100, WriteOrder.SWEEP, RamFill.ZERO, 1));
            assertThat(ControlBlock.of(ram, 0).program()).isEqualTo(GuestProgram.IDLE);
            assertThat(ControlBlock.of(ram, 1).program()).isEqualTo(GuestProgram.DIRTIER);
        }
    }

    @Test
    void absurdSizesAndRatesAreRefused() {
        try (NativeMemory ram = NativeMemory.allocate(3L << 20)) {
            assertThatThrownBy(() -> BootArea.install(ram, 1, dirtier(0)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("multiple of 2 MiB");
        }
        assertThatThrownBy(() -> dirtier(-1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> dirtier(Long.MAX_VALUE)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> BootLayout.controlBlockOffset(64)).isInstanceOf(IllegalArgumentException.class);
    }

    private static Workload dirtier(long rate) {
        return new Workload(GuestProgram.DIRTIER, 4L << 20, rate, WriteOrder.RANDOM, RamFill.RANDOM, 42);
    }
}
