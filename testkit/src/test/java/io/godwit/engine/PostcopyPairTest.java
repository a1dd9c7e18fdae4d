// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.agreement.IdentityMark;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.HugePageSize;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Command;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.peer.ScriptedSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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

    private PostcopyPair pair;

    @BeforeEach
    void start() {
        pair = new PostcopyPair(directory);
        limit(64 << 20, 0);
    }

    private void start(Supplier<NativeMemory> memory, int pageBytes) {
        PostcopyPair other = new PostcopyPair(directory, memory, pageBytes);
        pair.close();
        pair = other;
    }

    @AfterEach
    void close() {
        pair.close();
    }

    private void limit(long bandwidth, long postcopyBandwidth) {
        pair.source.setParameters(pair.source
                .parameters()
                .with(MigrationParameter.MAX_BANDWIDTH, bandwidth)
                .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, postcopyBandwidth));
    }

    private void switchOver() {
        pair.source.migrate(pair.listen());
        pair.awaitStatus(pair.source, MigrationStatus.ACTIVE);
        pair.source.startPostcopy();
    }

    private void assertMoved() {
        pair.assertArrived();
        assertThat(pair.destination.digestsAtSwitchover().blockDigests())
                .isEqualTo(pair.source.digestsAtSwitchover().blockDigests());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRunningGuestMovesBeforeItsMemory(boolean withPreempt) throws Exception {
        if (withPreempt) {
            pair.usePreempt();
        }
        limit(4 << 20, 4 << 20);
        switchOver();
        assertMoved();
        PostcopyStatistics figures = pair.destination.statistics().postcopy().orElseThrow();
        assertThat(figures.requests()).isPositive();
        assertThat(figures.missingPages()).isZero();
        assertThat(figures.vcpus()).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aCutInTheMiddleIsRecovered(boolean atDestination) throws Exception {
        pair.usePreempt();
        limit(4 << 20, 1 << 20);
        switchOver();
        pair.awaitStatus(pair.destination, MigrationStatus.POSTCOPY_ACTIVE);
        pair.awaitStatus(pair.source, MigrationStatus.POSTCOPY_ACTIVE);
        pair.awaitThat(() -> pair.destinationRun.state() == RunState.RUNNING, "the guest runs there");
        pair.pause(atDestination ? pair.destination : pair.source);
        limit(0, 0);
        pair.recover();
        assertMoved();
        assertThat(pair.destination.statistics().postcopy().orElseThrow().recoveries())
                .isEqualTo(1);
    }

    @Test
    void aSourceThatComesBackLaterThanAnotherIsToldSoAndComesAgain() throws Exception {
        limit(4 << 20, 1 << 20);
        switchOver();
        pair.awaitThat(() -> pair.destinationRun.state() == RunState.RUNNING, "the guest runs there");
        pair.pause(pair.source);
        pair.destination.recover("tcp:127.0.0.1:0");
        int mark = IdentityMark.of(pair.sourceGuest.identity());
        try (ScriptedSource other = ScriptedSource.of(pair.address())) {
            other.command(new Command.Ping(mark));
            assertThat(other.nextMessage()).isEqualTo(new ReturnPathMessage.Pong(mark));
            pair.source.resume(pair.address());
            pair.awaitStatus(pair.source, MigrationStatus.POSTCOPY_PAUSED);
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("goes on with another source already, from 127.0.0.1:", "'migrate-recover' there");
        }
        pair.awaitStatus(pair.destination, MigrationStatus.POSTCOPY_PAUSED);
        limit(0, 0);
        pair.recover();
        assertMoved();
    }

    /**
     * Law 1: a page that is missing stops the thread that needs it, never the collector and with it everything else.
     */
    @Test
    void theCollectorStormsWhilePagesAreMissing() throws Exception {
        pair.usePreempt();
        limit(4 << 20, 2 << 20);
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
            switchOver();
            assertMoved();
        } finally {
            stop.set(true);
            collector.join();
        }
        assertThat(pair.destination.statistics().postcopy().orElseThrow().requests())
                .isPositive();
    }

    @Test
    void sharedMemoryMovesToo() throws Exception {
        start(() -> NativeMemory.mapShared("postcopy", CountingGuest.RAM_BYTES), RamBlock.PAGE_BYTES);
        assertMovesByPostcopy();
    }

    @Test
    void hugePagesArePlacedWhole() throws Exception {
        try {
            start(() -> NativeMemory.mapShared("postcopy", CountingGuest.RAM_BYTES, HugePageSize.TWO_MIB), (int)
                    HugePageSize.TWO_MIB.byteLength());
        } catch (NativeException e) {
            abort("this test needs 8 free huge pages of 2 MiB (sysctl vm.nr_hugepages): " + e.getMessage());
        }
        assertMovesByPostcopy();
    }

    private void assertMovesByPostcopy() throws Exception {
        pair.usePreempt();
        limit(4 << 20, 4 << 20);
        switchOver();
        assertMoved();
        assertThat(pair.destination.statistics().postcopy().orElseThrow().requests())
                .isPositive();
    }

    @Test
    void nothingIsLeftBehind() throws Exception {
        pair.usePreempt();
        long descriptorsBefore = openDescriptors();
        switchOver();
        assertMoved();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("mig-") || thread.getName().startsWith("uffd-")) {
                assertThat(thread.join(Duration.ofSeconds(20)))
                        .as(thread.getName())
                        .isTrue();
            }
        }
        assertThat(openDescriptors()).isLessThanOrEqualTo(descriptorsBefore);
    }

    private static long openDescriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }
}
