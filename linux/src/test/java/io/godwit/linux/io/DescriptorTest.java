// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.memory.NativeMemory;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DescriptorTest {
    private static final int LENGTH = 4 << 20;

    @Test
    void emptySocketWouldBlockAndClosedOneEnds() {
        try (NativeMemory memory = NativeMemory.allocate(100);
                Sockets.Pair pair = Sockets.pair()) {
            assertThat(pair.first().read(memory, 0, 100)).isZero();
            assertThat(pair.second().write(memory, 0, 60)).isEqualTo(60);
            assertThat(pair.first().availableBytes()).isEqualTo(60);
            assertThat(pair.first().read(memory, 0, 0)).isZero();
            assertThat(pair.first().read(memory, 0, 50)).isEqualTo(50);
            pair.second().close();
            assertThat(pair.first().read(memory, 0, 50)).isEqualTo(10);
            assertThat(pair.first().read(memory, 0, 50)).isEqualTo(-1);
        }
    }

    @Test
    void fullSocketWouldBlock() {
        try (NativeMemory memory = NativeMemory.allocate(LENGTH);
                Sockets.Pair pair = Sockets.pair()) {
            long sent = 0;
            for (int written = 1; written > 0; sent += written) {
                written = pair.first().write(memory, 0, LENGTH);
            }
            assertThat(sent).isPositive().isEqualTo(pair.second().availableBytes());
        }
    }

    @Test
    void vectorsArriveWholeHoweverTheyAreCut() {
        long seed = System.nanoTime();
        System.out.println("vectorsArriveWholeHoweverTheyAreCut seed " + seed);
        Random random = new Random(seed);
        try (NativeMemory from = NativeMemory.allocate(LENGTH);
                NativeMemory to = NativeMemory.allocate(LENGTH);
                Sockets.Pair pair = Sockets.pair();
                IoVector out = new IoVector(50);
                IoVector in = new IoVector(30)) {
            from.fillRandom(0, LENGTH, seed);
            long added = 0;
            long wanted = 0;
            long received = 0;
            while (received < LENGTH) {
                added += addSome(out, from, added, random);
                wanted += addSome(in, to, wanted, random);
                pair.first().writeVector(out);
                received += Math.max(0, pair.second().readVector(in));
            }
            assertThat(out.remainingBytes()).isZero();
            assertThat(NativeMemory.mismatch(from, 0, to, 0, LENGTH)).isEqualTo(-1);
            assertThat(pair.second().readVector(in)).isZero();
        }
    }

    private static long addSome(IoVector vector, NativeMemory memory, long offset, Random random) {
        long added = 0;
        while (!vector.isFull() && offset + added < LENGTH) {
            long length = Math.min(LENGTH - offset - added, random.nextInt(10_000));
            vector.add(memory, offset + added, length);
            added += length;
            if (random.nextInt(4) == 0) {
                break;
            }
        }
        return added;
    }

    @Test
    void vectorReadEndsWithTheStream() {
        try (NativeMemory memory = NativeMemory.allocate(100);
                Sockets.Pair pair = Sockets.pair();
                IoVector vector = new IoVector(1)) {
            vector.add(memory, 0, 100);
            assertThat(pair.first().readVector(vector)).isZero();
            pair.second().shutdownOutput();
            assertThat(pair.first().readVector(vector)).isEqualTo(-1);
            assertThat(vector.remainingBytes()).isEqualTo(100);
        }
    }

    @Test
    void writingToAPeerThatIsGoneNamesTheError() {
        try (NativeMemory memory = NativeMemory.allocate(100);
                Sockets.Pair pair = Sockets.pair()) {
            pair.second().close();
            assertThatThrownBy(() -> pair.first().write(memory, 0, 100))
                    .asInstanceOf(InstanceOfAssertFactories.type(NativeException.class))
                    .satisfies(failure -> assertThat(failure.errno()).isEqualTo(Errno.EPIPE))
                    .satisfies(failure -> assertThat(failure).hasMessageContainingAll("write", "100 bytes"));
        }
    }

    @Test
    void shutdownEndsBothSidesAndIsHarmlessTwice() {
        try (NativeMemory memory = NativeMemory.allocate(10);
                Sockets.Pair pair = Sockets.pair()) {
            pair.first().shutdown();
            pair.first().shutdown();
            assertThat(pair.first().read(memory, 0, 10)).isEqualTo(-1);
            assertThat(pair.second().read(memory, 0, 10)).isEqualTo(-1);
        }
    }

    @Test
    void closedDescriptorIsRefusedAndClosingTwiceIsHarmless() {
        Sockets.Pair pair = Sockets.pair();
        try (NativeMemory memory = NativeMemory.allocate(10);
                IoVector vector = new IoVector(1)) {
            vector.add(memory, 0, 10);
            Descriptor closed = pair.first();
            pair.close();
            pair.close();
            assertThat(closed.isOpen()).isFalse();
            List<ThrowingCallable> uses = List.of(
                    closed::number,
                    () -> closed.read(memory, 0, 10),
                    () -> closed.write(memory, 0, 10),
                    () -> closed.readVector(vector),
                    () -> closed.writeVector(vector),
                    closed::shutdown,
                    closed::availableBytes,
                    closed::tryLockExclusive);
            assertThat(uses).allSatisfy(use -> assertThatThrownBy(use).isInstanceOf(IllegalStateException.class));
        }
    }

    @Test
    void adoptedDescriptorDoesNotWait() {
        try (Pipes.Pair pipe = Pipes.pair();
                NativeMemory memory = NativeMemory.allocate(10);
                Descriptor adopted = Descriptor.adopt(Libc.dup(pipe.readEnd().number()))) {
            assertThat(adopted.read(memory, 0, 10)).isZero();
            assertThat(adopted.number()).isNotEqualTo(pipe.readEnd().number());
        }
        assertThatThrownBy(() -> Descriptor.adopt(-1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Descriptor.adopt(1_000_000))
                .isInstanceOf(NativeException.class)
                .hasMessageContainingAll("fcntl", "EBADF", "1000000");
    }

    @Test
    void lockHasOneHolder(@TempDir Path directory) {
        Path path = directory.resolve("guest.lock");
        try (Descriptor first = Files.openForLock(path)) {
            try (Descriptor second = Files.openForLock(path)) {
                assertThat(first.tryLockExclusive()).isTrue();
                assertThat(first.tryLockExclusive()).isTrue();
                assertThat(second.tryLockExclusive()).isFalse();
                first.unlock();
                assertThat(second.tryLockExclusive()).isTrue();
                assertThat(first.tryLockExclusive()).isFalse();
            }
            assertThat(first.tryLockExclusive()).isTrue();
        }
    }

    @Test
    void aSharedLockHasManyHoldersAndNoExclusiveOneBesideThem(@TempDir Path directory) throws Exception {
        Path path = java.nio.file.Files.writeString(directory.resolve("read"), "x");
        try (Descriptor first = Files.openForRead(path, 0);
                Descriptor second = Files.openForRead(path, 0);
                Descriptor third = Files.openForRead(path, 0)) {
            assertThat(first.tryLockShared()).isTrue();
            assertThat(second.tryLockShared()).isTrue();
            assertThat(third.tryLockExclusive()).isFalse();
            first.unlock();
            second.unlock();
            assertThat(third.tryLockExclusive()).isTrue();
            assertThat(first.tryLockShared()).isFalse();
        }
    }

    @Test
    void fullDiskNamesTheError() {
        try (NativeMemory memory = NativeMemory.allocate(10);
                Descriptor full = Files.openForWrite(Path.of("/dev/full"), 0)) {
            assertThatThrownBy(() -> full.write(memory, 0, 10))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContaining("ENOSPC");
        }
    }

    @Test
    void memoryThatTheKernelCannotReachIsAnErrorNotACrash() {
        try (Sockets.Pair pair = Sockets.pair();
                IoVector vector = new IoVector(1)) {
            NativeMemory memory = NativeMemory.mapAnonymous(4096);
            vector.add(memory, 0, 4096);
            memory.close();
            assertThatThrownBy(() -> pair.first().writeVector(vector))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContaining("EFAULT");
        }
    }
}
