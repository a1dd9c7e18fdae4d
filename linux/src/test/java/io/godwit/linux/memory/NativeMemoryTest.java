// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import java.nio.ByteOrder;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class NativeMemoryTest {
    private static final int PAGE = NativeMemory.PAGE_BYTES;

    @Test
    void startsOnAPageBoundaryAndReadsZero() {
        try (NativeMemory memory = NativeMemory.allocate(10_000)) {
            assertThat(memory.address() % PAGE).isZero();
            assertThat(memory.byteLength()).isEqualTo(10_000);
            assertThat(memory.isZero(0, 10_000)).isTrue();
        }
    }

    @Test
    void everythingThrowsAfterClose() {
        NativeMemory memory = NativeMemory.mapAnonymous(PAGE);
        NativeMemory other = NativeMemory.mapAnonymous(PAGE);
        memory.close();
        memory.close();
        assertThat(memory.isOpen()).isFalse();
        List<ThrowingCallable> uses = List.of(
                memory::address,
                () -> memory.address(0, 1),
                () -> memory.getByte(0),
                () -> memory.putLong(0, 1),
                () -> memory.getLongVolatile(0),
                () -> memory.isZero(0, PAGE),
                () -> memory.hash(0, PAGE),
                () -> memory.buffer(0, PAGE),
                () -> memory.fill(0, PAGE, (byte) 1),
                () -> memory.fillRandom(0, PAGE, 1),
                () -> memory.advise(0, PAGE, Advice.DONTNEED),
                memory::mapAgain,
                () -> NativeMemory.copy(memory, 0, other, 0, PAGE),
                () -> NativeMemory.copyByDowncall(other, 0, memory, 0, PAGE),
                () -> memory.getLongByDowncall(0),
                () -> memory.putLongByDowncall(0, 1));
        assertThat(uses).allSatisfy(use -> assertThatThrownBy(use).isInstanceOf(IllegalStateException.class));
        other.close();
    }

    @Test
    void bufferDiesWithItsMemory() {
        NativeMemory memory = NativeMemory.mapAnonymous(PAGE);
        var buffer = memory.buffer(0, 8);
        memory.close();
        assertThatThrownBy(buffer::getLong).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void rangesOutsideAreRefused() {
        try (NativeMemory memory = NativeMemory.allocate(100);
                NativeMemory large = NativeMemory.allocate(200)) {
            List<ThrowingCallable> uses = List.of(
                    () -> memory.address(1, 100),
                    () -> memory.address(-1, 1),
                    () -> memory.address(50, Long.MAX_VALUE),
                    () -> memory.getLong(93),
                    () -> memory.getByte(100),
                    () -> memory.isZero(1, 100),
                    () -> memory.isZero(97, 4),
                    () -> memory.hash(1, 100),
                    () -> memory.fill(99, 2, (byte) 0),
                    () -> memory.fillRandom(99, 2, 0),
                    () -> memory.buffer(99, 2),
                    () -> NativeMemory.copy(large, 0, memory, 0, 101),
                    () -> NativeMemory.copyByDowncall(large, 150, memory, 0, 51),
                    () -> memory.getLongByDowncall(96),
                    () -> memory.putLongByDowncall(-8, 1));
            assertThat(uses).allSatisfy(use -> assertThatThrownBy(use).isInstanceOf(IndexOutOfBoundsException.class));
        }
    }

    @Test
    void noMemoryWithoutBytes() {
        assertThatThrownBy(() -> NativeMemory.allocate(0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void byteOrdersAreWhatTheirNamesSay() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE)) {
            memory.putIntBE(1, 0x01020304);
            assertThat(memory.getByte(1)).isEqualTo((byte) 1);
            assertThat(memory.getIntLE(1)).isEqualTo(0x04030201);
            memory.putLongLE(9, 0x0102030405060708L);
            assertThat(memory.getLongBE(9)).isEqualTo(0x0807060504030201L);
            memory.putLongBE(17, 5);
            assertThat(memory.getByte(24)).isEqualTo((byte) 5);
            memory.putIntLE(32, 7);
            assertThat(memory.getIntBE(32)).isEqualTo(7 << 24);
            assertThat(memory.buffer(0, 8).order()).isEqualTo(ByteOrder.BIG_ENDIAN);
            assertThat(memory.buffer(1, 4).getInt()).isEqualTo(0x01020304);
        }
    }

    @Test
    void atomicAccessesNeedAlignment() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE)) {
            memory.putLongVolatile(8, 40);
            assertThat(memory.getAndAddLong(8, 2)).isEqualTo(40);
            assertThat(memory.getAndSetLong(8, 1)).isEqualTo(42);
            assertThat(memory.getLongVolatile(8)).isEqualTo(1);
            memory.putIntVolatile(4, 9);
            assertThat(memory.getIntVolatile(4)).isEqualTo(9);
            assertThatThrownBy(() -> memory.getLongVolatile(4)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 8, 9, 31, 33, 4095, 4096, 4097})
    void oneBitAnywhereIsNotZeroAndChangesTheHash(int length) {
        try (NativeMemory memory = NativeMemory.allocate(length + 8)) {
            for (int start : new int[] {0, 3}) {
                memory.fill(0, length + 8, (byte) 0);
                memory.putByte(start + length, (byte) 1);
                assertThat(memory.isZero(start, length)).isTrue();
                long zeroHash = memory.hash(start, length);
                for (int at = start; at < start + length; at++) {
                    memory.putByte(at, (byte) 0x80);
                    assertThat(memory.isZero(start, length)).as("byte %d", at).isFalse();
                    assertThat(memory.hash(start, length)).as("byte %d", at).isNotEqualTo(zeroHash);
                    memory.putByte(at, (byte) 0);
                }
                assertThat(memory.hash(start, length)).isEqualTo(zeroHash);
            }
        }
    }

    @Test
    void everyBitOfAPageHasAHashOfItsOwn() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE)) {
            memory.fillRandom(0, PAGE, 42);
            long[] hashes = new long[PAGE * Byte.SIZE];
            for (int bit = 0; bit < hashes.length; bit++) {
                byte before = memory.getByte(bit / Byte.SIZE);
                memory.putByte(bit / Byte.SIZE, (byte) (before ^ 1 << bit % Byte.SIZE));
                hashes[bit] = memory.hash(0, PAGE);
                memory.putByte(bit / Byte.SIZE, before);
            }
            assertThat(hashes).doesNotHaveDuplicates();
        }
    }

    @Test
    void wordsThatChangePlacesChangeTheHash() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE)) {
            memory.fillRandom(0, PAGE, 7);
            long before = memory.hash(0, PAGE);
            for (long words = 1; words < PAGE / Long.BYTES; words++) {
                swap(memory, 0, words * Long.BYTES);
                assertThat(memory.hash(0, PAGE)).as("words 0 and %d", words).isNotEqualTo(before);
                swap(memory, 0, words * Long.BYTES);
            }
        }
    }

    @Test
    void hashOfZeroesDependsOnTheirNumber() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE)) {
            long[] hashes = new long[PAGE];
            for (int length = 0; length < PAGE; length++) {
                hashes[length] = memory.hash(0, length);
            }
            assertThat(hashes).doesNotHaveDuplicates();
        }
    }

    @Test
    void hashIsTheSameInEveryProcess() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE)) {
            memory.fillRandom(0, PAGE, 1);
            assertThat(memory.hash(0, PAGE)).isEqualTo(-9203346835698424832L);
        }
    }

    @Test
    void noiseDependsOnSeedOnly() {
        try (NativeMemory memory = NativeMemory.allocate(3 * PAGE)) {
            memory.fillRandom(0, PAGE, 1);
            memory.fillRandom(PAGE + 8, 1003, 1);
            memory.fillRandom(2 * PAGE, PAGE, 2);
            assertThat(NativeMemory.mismatch(memory, 0, memory, PAGE + 8, 1003)).isEqualTo(-1);
            assertThat(memory.isZero(PAGE + 8 + 1003, 50)).isTrue();
            assertThat(NativeMemory.mismatch(memory, 0, memory, 2 * PAGE, PAGE)).isBetween(0L, 7L);
        }
    }

    @Test
    void copiesAreExact() {
        int length = (3 << 20) + 5;
        try (NativeMemory from = NativeMemory.allocate(length + 10);
                NativeMemory to = NativeMemory.allocate(length + 10)) {
            from.fillRandom(0, length + 10, 3);
            NativeMemory.copy(from, 3, to, 5, length);
            assertThat(NativeMemory.mismatch(from, 3, to, 5, length)).isEqualTo(-1);
            assertThat(to.isZero(0, 5)).isTrue();
            assertThat(to.isZero(length + 5, 5)).isTrue();
            to.fill(0, length + 10, (byte) 0);
            NativeMemory.copyByDowncall(from, 1, to, 2, length);
            assertThat(NativeMemory.mismatch(from, 1, to, 2, length)).isEqualTo(-1);
            byte[] array = new byte[20];
            from.copyTo(100, array, 5, 10);
            to.copyFrom(0, array, 5, 10);
            assertThat(NativeMemory.mismatch(from, 100, to, 0, 10)).isEqualTo(-1);
        }
    }

    @Test
    void longsByDowncallAreThoseOfDirectAccess() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE)) {
            memory.putLongByDowncall(PAGE - 8, 0x0102030405060708L);
            assertThat(memory.getLong(PAGE - 8)).isEqualTo(0x0102030405060708L);
            assertThat(memory.getLongByDowncall(PAGE - 8)).isEqualTo(0x0102030405060708L);
            assertThat(memory.isZero(0, PAGE - 8)).isTrue();
            assertThatThrownBy(() -> memory.getLongByDowncall(4))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("no multiple of 8");
        }
    }

    @Test
    void sharedMemoryHasTwoAddressesAndLivesAsLongAsEither() {
        NativeMemory first = NativeMemory.mapShared("godwit-test", 2 * PAGE);
        try (NativeMemory second = first.mapAgain()) {
            first.putLong(8, 5);
            assertThat(second.getLong(8)).isEqualTo(5);
            first.advise(0, 2 * PAGE, Advice.REMOVE);
            assertThat(second.isZero(0, 2 * PAGE)).isTrue();
            second.putLong(8, 6);
            first.close();
            assertThat(second.getLong(8)).isEqualTo(6);
        }
    }

    @Test
    void privateMemoryCannotBeMappedAgain() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(PAGE)) {
            assertThatThrownBy(memory::mapAgain)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("only shared memory");
        }
    }

    @Test
    void droppedPagesReadZero() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(4 * PAGE)) {
            memory.fill(0, 4 * PAGE, (byte) 1);
            memory.advise(PAGE, 2 * PAGE, Advice.DONTNEED);
            assertThat(memory.isZero(PAGE, 2 * PAGE)).isTrue();
            assertThat(memory.getByte(0)).isEqualTo((byte) 1);
            assertThat(memory.getByte(3 * PAGE)).isEqualTo((byte) 1);
        }
    }

    @Test
    void refusedAdviceNamesItselfAndTheRange() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(2 * PAGE)) {
            assertThatThrownBy(() -> memory.advise(1, PAGE, Advice.DONTNEED))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContainingAll("madvise", "EINVAL", "DONTNEED", "4096");
        }
    }

    @ParameterizedTest
    @EnumSource(HugePageSize.class)
    void hugePagesWorkOrSayWhatIsMissing(HugePageSize size) {
        try (NativeMemory memory = NativeMemory.mapShared("godwit-test", size.byteLength(), size)) {
            memory.putLong(size.byteLength() - 8, 1);
            assertThat(memory.getLong(size.byteLength() - 8)).isEqualTo(1);
            assertThat(memory.address() % size.byteLength()).isZero();
        } catch (NativeException missing) {
            assertThat(missing.errno()).isIn(Errno.ENOMEM, Errno.ENOENT, Errno.EINVAL, Errno.ENOSPC);
            assertThat(missing).hasMessageContainingAll("1 free huge pages", "/sys/kernel/mm/hugepages");
        }
        assertThatThrownBy(() -> NativeMemory.mapShared("godwit-test", PAGE, size))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("use a multiple");
    }

    private static void swap(NativeMemory memory, long one, long other) {
        long value = memory.getLong(one);
        memory.putLong(one, memory.getLong(other));
        memory.putLong(other, value);
    }
}
