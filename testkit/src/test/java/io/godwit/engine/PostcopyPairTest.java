// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.HugePageSize;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.testkit.guest.CountingGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Postcopy from one Godwit to another, both in this JVM. */
@Tag("kernel")
@Timeout(180)
class PostcopyPairTest {
    @TempDir
    Path directory;

    private final CountingGuest.Census census = new CountingGuest.Census();
    private CountingGuest sourceGuest;
    private CountingGuest destinationGuest;
    private RunControl sourceRun;
    private RunControl destinationRun;
    private Migrator source;
    private Migrator destination;

    @BeforeEach
    void start() {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
        start(() -> NativeMemory.mapAnonymous(CountingGuest.RAM_BYTES), RamBlock.PAGE_BYTES);
    }

    private void start(Supplier<NativeMemory> memory, int pageBytes) {
        sourceGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census, memory.get(), pageBytes);
        destinationGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census, memory.get(), pageBytes);
        sourceRun = new RunControl(sourceGuest, new FileLockArbiter(directory), RunState.PRELAUNCH);
        destinationRun = new RunControl(destinationGuest, new FileLockArbiter(directory), RunState.INMIGRATE);
        source = new Migrator(sourceGuest, sourceRun);
        destination = new Migrator(destinationGuest, destinationRun);
        for (Migrator side : new Migrator[] {source, destination}) {
            side.setParameters(MigrationParameters.DEFAULTS
                    .with(MigrationParameter.MAX_BANDWIDTH, 64 << 20)
                    .with(MigrationParameter.HANDOVER_TIMEOUT, 5000)
                    .with(MigrationParameter.CONNECT_TIMEOUT, 5000));
            side.setCapability(Capability.POSTCOPY_RAM, true);
            side.setVerifying(true);
        }
        sourceGuest.fill(7);
        sourceRun.cont();
    }

    @AfterEach
    void close() {
        source.close();
        destination.close();
        sourceRun.shutdown();
        destinationRun.shutdown();
        sourceGuest.close();
        destinationGuest.close();
    }

    private void preempt() {
        source.setCapability(Capability.POSTCOPY_PREEMPT, true);
        destination.setCapability(Capability.POSTCOPY_PREEMPT, true);
    }

    private static void awaitStatus(Migrator side, MigrationStatus status) {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (side.statistics().status() != status) {
            assertThat(System.nanoTime() - deadline)
                    .as("waiting for " + status + ", now " + side.statistics())
                    .isNegative();
            Thread.onSpinWait();
        }
    }

    private String listen() {
        destination.migrateIncoming("tcp:127.0.0.1:0");
        return destination.statistics().listenAddress().orElseThrow();
    }

    private void assertMoved() throws InterruptedException {
        assertThat(source.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(destination.awaitEnd(Pair.PATIENCE)).isTrue();
        assertThat(source.statistics().status())
                .as(source.statistics().toString())
                .isEqualTo(MigrationStatus.COMPLETED);
        assertThat(destination.statistics().status())
                .as(destination.statistics().toString())
                .isEqualTo(MigrationStatus.COMPLETED);
        long from = destinationGuest.counter();
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (destinationGuest.counter() < from + 200) {
            assertThat(System.nanoTime() - deadline).as("the guest runs").isNegative();
            Thread.onSpinWait();
        }
        assertThat(destinationGuest.mismatches.get()).isZero();
        assertThat(census.most.get()).as("copies that ran at one instant").isEqualTo(1);
        assertThat(destination.digestsAtSwitchover().blockDigests())
                .isEqualTo(source.digestsAtSwitchover().blockDigests());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRunningGuestMovesBeforeItsMemory(boolean withPreempt) throws Exception {
        if (withPreempt) {
            preempt();
        }
        source.setParameters(source.parameters()
                .with(MigrationParameter.MAX_BANDWIDTH, 4 << 20)
                .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 4 << 20));
        source.migrate(listen());
        awaitStatus(source, MigrationStatus.ACTIVE);
        source.startPostcopy();
        assertMoved();
        PostcopyStatistics figures = destination.statistics().postcopy().orElseThrow();
        assertThat(figures.requests()).isPositive();
        assertThat(figures.missingPages()).isZero();
        assertThat(figures.vcpus()).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aCutInTheMiddleIsRecovered(boolean atDestination) throws Exception {
        preempt();
        source.setParameters(source.parameters()
                .with(MigrationParameter.MAX_BANDWIDTH, 4 << 20)
                .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 1 << 20));
        source.migrate(listen());
        awaitStatus(source, MigrationStatus.ACTIVE);
        source.startPostcopy();
        awaitStatus(destination, MigrationStatus.POSTCOPY_ACTIVE);
        awaitStatus(source, MigrationStatus.POSTCOPY_ACTIVE);
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (destinationRun.state() != RunState.RUNNING) {
            assertThat(System.nanoTime() - deadline).isNegative();
            Thread.onSpinWait();
        }
        (atDestination ? destination : source).pausePostcopy();
        awaitStatus(source, MigrationStatus.POSTCOPY_PAUSED);
        awaitStatus(destination, MigrationStatus.POSTCOPY_PAUSED);
        source.setParameters(source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
        destination.recover("tcp:127.0.0.1:0");
        source.resume(destination.statistics().listenAddress().orElseThrow());
        assertMoved();
        assertThat(destination.statistics().postcopy().orElseThrow().recoveries())
                .isEqualTo(1);
    }

    /**
     * Law 1: a page that is missing stops the thread that needs it, never the collector and with it everything else.
     */
    @Test
    void theCollectorStormsWhilePagesAreMissing() throws Exception {
        preempt();
        source.setParameters(source.parameters()
                .with(MigrationParameter.MAX_BANDWIDTH, 4 << 20)
                .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 2 << 20));
        AtomicBoolean stop = new AtomicBoolean();
        Thread collector = new Thread(
                () -> {
                    while (!stop.get()) {
                        System.gc();
                        LockSupport.parkNanos(3_000_000);
                    }
                },
                "collector");
        collector.start();
        try {
            source.migrate(listen());
            awaitStatus(source, MigrationStatus.ACTIVE);
            source.startPostcopy();
            assertMoved();
        } finally {
            stop.set(true);
            collector.join();
        }
        assertThat(destination.statistics().postcopy().orElseThrow().requests()).isPositive();
    }

    @Test
    void sharedMemoryMovesToo() throws Exception {
        close();
        start(() -> NativeMemory.mapShared("postcopy", CountingGuest.RAM_BYTES), RamBlock.PAGE_BYTES);
        assertMovesByPostcopy();
    }

    @Test
    void hugePagesArePlacedWhole() throws Exception {
        close();
        try {
            start(() -> NativeMemory.mapShared("postcopy", CountingGuest.RAM_BYTES, HugePageSize.TWO_MIB), (int)
                    HugePageSize.TWO_MIB.byteLength());
        } catch (NativeException e) {
            start();
            abort("this test needs 8 free huge pages of 2 MiB (sysctl vm.nr_hugepages): " + e.getMessage());
        }
        assertMovesByPostcopy();
    }

    private void assertMovesByPostcopy() throws Exception {
        preempt();
        source.setParameters(source.parameters()
                .with(MigrationParameter.MAX_BANDWIDTH, 4 << 20)
                .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 4 << 20));
        source.migrate(listen());
        awaitStatus(source, MigrationStatus.ACTIVE);
        source.startPostcopy();
        assertMoved();
        assertThat(destination.statistics().postcopy().orElseThrow().requests()).isPositive();
    }

    @Test
    void nothingIsLeftBehind() throws Exception {
        preempt();
        long descriptorsBefore = openDescriptors();
        source.migrate(listen());
        awaitStatus(source, MigrationStatus.ACTIVE);
        source.startPostcopy();
        assertMoved();
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("mig-") || name.startsWith("uffd-"));
        assertThat(openDescriptors()).isLessThanOrEqualTo(descriptorsBefore);
    }

    private static long openDescriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }
}
