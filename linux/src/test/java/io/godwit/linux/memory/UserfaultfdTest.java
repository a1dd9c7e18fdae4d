// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.linux.ChildJvm;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.Sockets;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("kernel")
class UserfaultfdTest {
    private static final int PAGE = NativeMemory.PAGE_BYTES;
    private static final long LENGTH = 16 * PAGE;
    private static final long LIMIT_NANOS = 30_000_000_000L;

    @BeforeEach
    void requireUserfaultfd() {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
    }

    @Test
    void javaThreadFillsPagesThatADowncallMissesWhileTheCollectorRuns(@TempDir Path directory) throws Exception {
        assertThat(ChildJvm.run(directory, MissingPageReader.class, "-Xmx64m")).contains("read 4096 pages");
    }

    @Test
    void pagesArePlacedOnce() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                NativeMemory source = NativeMemory.allocate(LENGTH);
                Userfaultfd faults = Userfaultfd.open(Set.of(), Userfaultfd.Faults.USER)) {
            assertThat(faults.register(memory.address(), LENGTH, Set.of(Userfaultfd.Mode.MISSING)))
                    .isTrue();
            source.fillRandom(0, LENGTH, 1);
            assertThat(faults.copy(memory.address(), source, 0, 4 * PAGE, true))
                    .isEqualTo(Userfaultfd.Placement.PLACED);
            assertThat(faults.zeroPage(memory.address() + 4 * PAGE, 4 * PAGE, true))
                    .isEqualTo(Userfaultfd.Placement.PLACED);
            assertThat(faults.copy(memory.address(), source, 8 * PAGE, PAGE, true))
                    .isEqualTo(Userfaultfd.Placement.ALREADY_PRESENT);
            assertThat(faults.zeroPage(memory.address() + PAGE, PAGE, false))
                    .isEqualTo(Userfaultfd.Placement.ALREADY_PRESENT);
            assertThat(faults.copy(memory.address() + 8 * PAGE, source, 8 * PAGE, 8 * PAGE, false))
                    .isEqualTo(Userfaultfd.Placement.PLACED);
            assertThat(NativeMemory.mismatch(memory, 0, source, 0, 4 * PAGE)).isEqualTo(-1);
            assertThat(memory.isZero(4 * PAGE, 4 * PAGE)).isTrue();
            assertThat(NativeMemory.mismatch(memory, 8 * PAGE, source, 8 * PAGE, 8 * PAGE))
                    .isEqualTo(-1);
        }
    }

    @Test
    void rangeThatIsNotRegisteredIsGone() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                NativeMemory source = NativeMemory.allocate(PAGE);
                Userfaultfd faults = Userfaultfd.open(Set.of(), Userfaultfd.Faults.USER)) {
            faults.register(memory.address(), LENGTH, Set.of(Userfaultfd.Mode.MISSING));
            faults.unregister(memory.address(), LENGTH);
            assertThat(faults.copy(memory.address(), source, 0, PAGE, true))
                    .isEqualTo(Userfaultfd.Placement.RANGE_GONE);
            assertThat(memory.isZero(0, (int) LENGTH)).isTrue();
        }
    }

    @Test
    void protectedWriteWaitsUntilItIsAllowed() throws Exception {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                NativeMemory source = NativeMemory.allocate(PAGE);
                Userfaultfd faults =
                        Userfaultfd.open(Set.of(Userfaultfd.Feature.WRITE_PROTECT), Userfaultfd.Faults.USER);
                Polling polling = new Polling();
                EventSignal stop = new EventSignal();
                FaultEvents events = new FaultEvents(4)) {
            memory.fill(0, LENGTH, (byte) 7);
            faults.register(memory.address(), LENGTH, Set.of(Userfaultfd.Mode.WRITE_PROTECT));
            faults.writeProtect(memory.address(), LENGTH);
            assertThat(faults.readEvents(events)).isZero();
            Thread writer = new Thread(() -> NativeMemory.copyByDowncall(source, 0, memory, 3 * PAGE, PAGE), "writer");
            writer.start();
            assertThat(polling.awaitReadable(faults, stop, LIMIT_NANOS)).isEqualTo(Polling.Outcome.READY);
            assertThat(faults.readEvents(events)).isEqualTo(1);
            assertThat(events.isPageFault(0)).isTrue();
            assertThat(events.isWriteProtect(0)).isTrue();
            assertThat(events.isWrite(0)).isTrue();
            assertThat(events.address(0)).isEqualTo(memory.address() + 3 * PAGE);
            assertThat(memory.getByte(3 * PAGE)).isEqualTo((byte) 7);
            faults.writeUnprotect(memory.address() + 3 * PAGE, PAGE);
            writer.join();
            assertThat(memory.isZero(3 * PAGE, PAGE)).isTrue();
        }
    }

    @Test
    void pagePlacedWithoutWakingWaitsForTheWake() throws Exception {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                NativeMemory copy = NativeMemory.allocate(PAGE);
                NativeMemory source = NativeMemory.allocate(PAGE);
                Userfaultfd faults = Userfaultfd.open(Set.of(), Userfaultfd.Faults.USER);
                Polling polling = new Polling();
                EventSignal stop = new EventSignal();
                FaultEvents events = new FaultEvents(1)) {
            faults.register(memory.address(), LENGTH, Set.of(Userfaultfd.Mode.MISSING));
            source.fillRandom(0, PAGE, 5);
            Thread reader = new Thread(() -> NativeMemory.copyByDowncall(memory, 2 * PAGE, copy, 0, PAGE), "reader");
            reader.start();
            assertThat(polling.awaitReadable(faults, stop, LIMIT_NANOS)).isEqualTo(Polling.Outcome.READY);
            assertThat(faults.readEvents(events)).isEqualTo(1);
            assertThat(events.isWriteProtect(0)).isFalse();
            assertThat(events.isWrite(0)).isFalse();
            faults.copy(events.address(0), source, 0, PAGE, false);
            assertThat(reader.isAlive()).isTrue();
            faults.wake(events.address(0), PAGE);
            reader.join();
            assertThat(NativeMemory.mismatch(copy, 0, source, 0, PAGE)).isEqualTo(-1);
        }
    }

    @Test
    void kernelMayWaitForAMissingPage() throws Exception {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER_AND_KERNEL) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                NativeMemory source = NativeMemory.allocate(PAGE);
                Userfaultfd faults = Userfaultfd.open(Set.of(), Userfaultfd.Faults.USER_AND_KERNEL);
                Polling polling = new Polling();
                EventSignal stop = new EventSignal();
                FaultEvents events = new FaultEvents(1);
                Sockets.Pair pair = Sockets.pair()) {
            faults.register(memory.address(), LENGTH, Set.of(Userfaultfd.Mode.MISSING));
            source.putLong(0, 77);
            pair.first().write(source, 0, 8);
            Thread reader = new Thread(() -> pair.second().read(memory, 8, 8), "reader");
            reader.start();
            assertThat(polling.awaitReadable(faults, stop, LIMIT_NANOS)).isEqualTo(Polling.Outcome.READY);
            assertThat(faults.readEvents(events)).isEqualTo(1);
            assertThat(events.address(0)).isEqualTo(memory.address());
            assertThat(faults.copy(events.address(0), source, 0, PAGE, true)).isEqualTo(Userfaultfd.Placement.PLACED);
            reader.join();
            assertThat(memory.getLong(8)).isEqualTo(77);
        }
    }

    @Test
    void kernelIsRefusedWhereOnlyUserCodeMayWait() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                NativeMemory source = NativeMemory.allocate(PAGE);
                Userfaultfd faults = Userfaultfd.open(Set.of(), Userfaultfd.Faults.USER);
                Sockets.Pair pair = Sockets.pair()) {
            faults.register(memory.address(), LENGTH, Set.of(Userfaultfd.Mode.MISSING));
            pair.first().write(source, 0, 8);
            assertThatThrownBy(() -> pair.second().read(memory, 0, 8))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContaining("EFAULT");
        }
    }

    @Test
    void requestsThatTheKernelRefusesNameTheRange() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(LENGTH);
                Userfaultfd faults = Userfaultfd.open(Set.of(), Userfaultfd.Faults.USER)) {
            assertThatThrownBy(() -> faults.register(memory.address() + 1, PAGE, Set.of(Userfaultfd.Mode.MISSING)))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContainingAll(
                            "UFFDIO_REGISTER", "EINVAL", "0x" + Long.toHexString(memory.address() + 1), "4096 bytes");
        }
    }

    @Test
    void closedDescriptorIsRefusedAndClosingTwiceIsHarmless() {
        Userfaultfd faults = Userfaultfd.open(Set.of(), Userfaultfd.Faults.USER);
        faults.close();
        faults.close();
        assertThatThrownBy(() -> faults.wake(0, PAGE)).isInstanceOf(IllegalStateException.class);
    }
}
