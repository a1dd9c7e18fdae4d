// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.linux.NativeException;
import io.godwit.linux.io.Sockets;
import java.util.BitSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("kernel")
class PagemapScanTest {
    private static final int PAGE = NativeMemory.PAGE_BYTES;
    private static final int PAGES = 2048;
    private static final long LENGTH = (long) PAGES * PAGE;

    /** Kinds of memory that a guest may have. */
    enum Kind {
        POPULATED,
        UNPOPULATED,
        SHARED,
        SHARED_UNPOPULATED,
        TRANSPARENT_HUGE;

        NativeMemory map() {
            return switch (this) {
                case POPULATED -> populated(NativeMemory.mapAnonymous(LENGTH));
                case UNPOPULATED -> NativeMemory.mapAnonymous(LENGTH);
                case SHARED -> populated(NativeMemory.mapShared("godwit-test", LENGTH));
                case SHARED_UNPOPULATED -> NativeMemory.mapShared("godwit-test", LENGTH);
                case TRANSPARENT_HUGE -> {
                    NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                    memory.advise(0, LENGTH, Advice.HUGEPAGE);
                    yield populated(memory);
                }
            };
        }

        private static NativeMemory populated(NativeMemory memory) {
            memory.fill(0, LENGTH, (byte) 1);
            return memory;
        }
    }

    @BeforeAll
    static void requireScan() {
        if (PagemapScan.support() instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void harvestFindsExactlyThePagesWrittenSinceTheLast(Kind kind) {
        long seed = System.nanoTime();
        System.out.println("harvestFindsExactlyThePagesWrittenSinceTheLast " + kind + " seed " + seed);
        Random random = new Random(seed);
        try (NativeMemory memory = kind.map();
                Userfaultfd tracked = track(memory);
                PagemapScan scan = new PagemapScan(PAGES)) {
            assertThat(harvest(scan, memory)).isEqualTo(new BitSet());
            for (int round = 0; round < 20; round++) {
                BitSet written = new BitSet();
                for (int i = random.nextInt(PAGES); i > 0; i--) {
                    int page = random.nextInt(PAGES);
                    memory.putByte((long) page * PAGE + random.nextInt(PAGE), (byte) i);
                    written.set(page);
                }
                assertThat(harvest(scan, memory)).as("round %d", round).isEqualTo(written);
                assertThat(harvest(scan, memory)).as("after round %d", round).isEqualTo(new BitSet());
            }
            assertThat(tracked.number()).isNotNegative();
        }
    }

    @Test
    void readingDoesNotCountAsWriting() {
        try (NativeMemory memory = Kind.UNPOPULATED.map();
                Userfaultfd _ = track(memory);
                PagemapScan scan = new PagemapScan(PAGES)) {
            assertThat(memory.isZero(0, (int) LENGTH)).isTrue();
            assertThat(harvest(scan, memory)).isEqualTo(new BitSet());
            memory.putByte(5 * PAGE, (byte) 1);
            assertThat(harvest(scan, memory)).isEqualTo(BitSet.valueOf(new long[] {1 << 5}));
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void writesOfTheKernelCount(Kind kind) {
        try (NativeMemory memory = kind.map();
                Userfaultfd _ = track(memory);
                PagemapScan scan = new PagemapScan(PAGES);
                NativeMemory source = NativeMemory.allocate(PAGE);
                Sockets.Pair pair = Sockets.pair()) {
            assertThat(pair.first().write(source, 0, PAGE)).isEqualTo(PAGE);
            assertThat(pair.second().read(memory, 10 * PAGE + 100, PAGE)).isEqualTo(PAGE);
            assertThat(harvest(scan, memory)).isEqualTo(BitSet.valueOf(new long[] {3 << 10}));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"POPULATED", "UNPOPULATED", "TRANSPARENT_HUGE"})
    void pagesDroppedFromPrivateMemoryCount(Kind kind) {
        assertThat(foundAfter(kind, Advice.DONTNEED)).isEqualTo(BitSet.valueOf(new long[] {1 << 4}));
    }

    // If a kernel begins to report them, the note on PagemapScan can go.
    @ParameterizedTest
    @EnumSource(names = {"SHARED", "SHARED_UNPOPULATED"})
    void holesInSharedMemoryDoNotCount(Kind kind) {
        assertThat(foundAfter(kind, Advice.REMOVE)).isEqualTo(new BitSet());
    }

    private static BitSet foundAfter(Kind kind, Advice advice) {
        try (NativeMemory memory = kind.map();
                Userfaultfd _ = track(memory);
                PagemapScan scan = new PagemapScan(PAGES)) {
            memory.putByte(4 * PAGE, (byte) 1);
            harvest(scan, memory);
            memory.advise(4 * PAGE, PAGE, advice);
            BitSet found = harvest(scan, memory);
            assertThat(memory.isZero(4 * PAGE, PAGE)).isTrue();
            assertThat(harvest(scan, memory)).as("after reading").isEqualTo(new BitSet());
            return found;
        }
    }

    @Test
    void writesThroughAnotherMappingDoNotCount() {
        try (NativeMemory memory = Kind.SHARED.map();
                NativeMemory other = memory.mapAgain();
                Userfaultfd _ = track(memory);
                PagemapScan scan = new PagemapScan(PAGES)) {
            other.putByte(0, (byte) 99);
            assertThat(memory.getByte(0)).isEqualTo((byte) 99);
            assertThat(harvest(scan, memory)).isEqualTo(new BitSet());
        }
    }

    @Test
    void scanGoesOnWhereItsRoomEnded() {
        try (NativeMemory memory = Kind.POPULATED.map();
                Userfaultfd _ = track(memory);
                PagemapScan scan = new PagemapScan(3)) {
            BitSet written = new BitSet();
            for (int page = 0; page < PAGES; page += 3) {
                memory.putByte((long) page * PAGE, (byte) 9);
                written.set(page);
            }
            assertThat(scan.scan(memory.address(), memory.address() + LENGTH)).isEqualTo(3);
            assertThat(scan.walkEnd()).isLessThan(memory.address() + LENGTH);
            BitSet found = harvest(scan, memory);
            assertThat(found.cardinality()).isEqualTo(written.cardinality() - 3);
            written.clear(0, 7);
            assertThat(found).isEqualTo(written);
        }
    }

    @Test
    void lookLeavesThePagesForTheNextScan() {
        try (NativeMemory memory = Kind.POPULATED.map();
                Userfaultfd _ = track(memory);
                PagemapScan scan = new PagemapScan(4)) {
            memory.fill(8 * PAGE, 4 * PAGE, (byte) 3);
            assertThat(scan.look(memory.address(), memory.address() + LENGTH)).isEqualTo(1);
            assertThat(scan.scan(memory.address(), memory.address() + LENGTH)).isEqualTo(1);
            assertThat(scan.regionStart(0)).isEqualTo(memory.address() + 8 * PAGE);
            assertThat(scan.regionEnd(0)).isEqualTo(memory.address() + 12 * PAGE);
            assertThat(scan.walkEnd()).isEqualTo(memory.address() + LENGTH);
            assertThat(scan.look(memory.address(), memory.address() + LENGTH)).isZero();
            assertThatThrownBy(() -> scan.regionStart(0)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void memoryThatNobodyTracksIsRefused() {
        try (NativeMemory memory = Kind.POPULATED.map();
                PagemapScan scan = new PagemapScan(1)) {
            assertThatThrownBy(() -> scan.scan(memory.address(), memory.address() + LENGTH))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContainingAll("PAGEMAP_SCAN", "EPERM");
        }
    }

    @Test
    void populatedPagesAreThoseThatWereTouched() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                PagemapScan scan = new PagemapScan(PAGES)) {
            memory.advise(0, LENGTH, Advice.NOHUGEPAGE);
            memory.fill(4 * PAGE, 2 * PAGE, (byte) 1);
            memory.putByte(9 * PAGE, (byte) 1);
            assertThat(scan.scanPopulated(memory.address(), memory.address() + LENGTH))
                    .isEqualTo(2);
            assertThat(scan.regionStart(1)).isEqualTo(memory.address() + 9 * PAGE);
        }
    }

    private static Userfaultfd track(NativeMemory memory) {
        Userfaultfd userfaultfd = Userfaultfd.open(Userfaultfd.WRITE_TRACKING, Userfaultfd.Faults.USER);
        userfaultfd.register(memory.address(), LENGTH, Set.of(Userfaultfd.Mode.WRITE_PROTECT));
        userfaultfd.writeProtect(memory.address(), LENGTH);
        return userfaultfd;
    }

    /** Scans to the end, in as many steps as it takes. */
    private static BitSet harvest(PagemapScan scan, NativeMemory memory) {
        BitSet found = new BitSet();
        long end = memory.address() + LENGTH;
        for (long at = memory.address(); at < end; at = scan.walkEnd()) {
            int count = scan.scan(at, end);
            for (int i = 0; i < count; i++) {
                found.set((int) ((scan.regionStart(i) - memory.address()) / PAGE), (int)
                        ((scan.regionEnd(i) - memory.address()) / PAGE));
            }
        }
        return found;
    }
}
