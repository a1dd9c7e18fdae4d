// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Godwit's source sends a guest by postcopy and QEMU takes it in: what QEMU asks for comes first, a broken connection
 * is mended. QEMU asks because it is told to write its guest's memory to a file while most of it is missing.
 */
@Tag("peer")
@Timeout(180)
class PostcopyToQemuTest {
    private static final int MEMORY_MEBIBYTES = 64;
    private static final long MEMORY_BYTES = (long) MEMORY_MEBIBYTES << 20;
    private static final long SLOW_BYTES_PER_SECOND = 4L << 20;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needsQemu() {
        Optional<String> missing = QemuProcess.missing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
    }

    @ParameterizedTest
    @CsvSource({"tcp, false", "tcp, true", "unix, false", "unix, true"})
    void whatQemuAsksForComesFirst(String transport, boolean preempt) throws Exception {
        try (BareSource source = postcopySource(preempt);
                QemuProcess qemu = startQemu(preempt)) {
            CountDownLatch switched = source.latchOn(MigrationStatus.POSTCOPY_ACTIVE);
            migrate(
                    source,
                    listen(qemu, transport.equals("tcp") ? "tcp:127.0.0.1:0" : "unix:" + directory.resolve("s")));
            await(switched, source);

            assertMemoryArrives(source, qemu);
            PostcopyStatistics postcopy = assertHandedOver(source, qemu);
            assertThat(postcopy.requests()).as("pages that QEMU asked for").isGreaterThan(100);
        }
    }

    @ParameterizedTest
    @CsvSource({"cut, false", "cut, true", "qemu, false", "qemu, true", "godwit, false", "godwit, true"})
    void aBrokenConnectionIsMended(String breaker, boolean preempt) throws Exception {
        try (BareSource source = postcopySource(preempt);
                QemuProcess qemu = startQemu(preempt);
                CuttableWire wire = new CuttableWire()) {
            CountDownLatch switched = source.latchOn(MigrationStatus.POSTCOPY_ACTIVE);
            CountDownLatch paused = source.latchOn(MigrationStatus.POSTCOPY_PAUSED);
            wire.leadTo(listen(qemu, "tcp:127.0.0.1:0"));
            migrate(source, wire.uri());
            await(switched, source);
            // A QEMU that has not begun to run the guest dies with its connection.
            qemu.awaitEvent("RESUME", PATIENCE);
            switch (breaker) {
                case "cut" -> {
                    wire.cutAfter(SLOW_BYTES_PER_SECOND / 2);
                    wire.awaitStrike();
                }
                case "qemu" -> qemu.execute("migrate-pause");
                case "godwit" -> source.migrator.pausePostcopy();
                default -> throw new IllegalArgumentException(breaker);
            }
            await(paused, source);
            assertNoMemoryCanCome(source, "goes on by postcopy");
            qemu.awaitEvent("MIGRATION", PATIENCE, "postcopy-paused");
            String again = "unix:" + directory.resolve("again");
            qemu.execute("migrate-recover", "{\"uri\": \"" + again + "\"}");
            CountDownLatch resumed = source.latchOn(MigrationStatus.POSTCOPY_ACTIVE);
            source.migrator.resume(again);
            // Earlier it would wait for a page in the thread that takes connections.
            await(resumed, source);

            assertMemoryArrives(source, qemu);
            assertThat(assertHandedOver(source, qemu).recoveries()).isEqualTo(1);
        }
    }

    private static BareSource postcopySource(boolean preempt) {
        BareSource source = new BareSource(BareGuest.withMemory(MEMORY_BYTES).pluggable());
        source.migrator.setCapability(Capability.POSTCOPY_RAM, true);
        source.migrator.setCapability(Capability.POSTCOPY_PREEMPT, preempt);
        source.migrator.setParameters(MigrationParameters.DEFAULTS
                .with(MigrationParameter.MAX_BANDWIDTH, SLOW_BYTES_PER_SECOND)
                .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, SLOW_BYTES_PER_SECOND));
        return source;
    }

    private QemuProcess startQemu(boolean preempt) throws Exception {
        QemuProcess qemu = QemuProcess.start(
                directory, "qemu", List.of("-M", "none", "-m", MEMORY_MEBIBYTES + "M", "-incoming", "defer"));
        qemu.capability("postcopy-ram", true);
        qemu.capability("postcopy-preempt", preempt);
        return qemu;
    }

    private static String listen(QemuProcess qemu, String uri) throws Exception {
        qemu.execute("migrate-incoming", "{\"uri\": \"" + uri + "\"}");
        return uri.startsWith("tcp:") ? "tcp:127.0.0.1:" + qemu.query("query-migrate", "port") : uri;
    }

    private static void migrate(BareSource source, String uri) throws InterruptedException {
        CountDownLatch active = source.latchOn(MigrationStatus.ACTIVE);
        source.migrator.migrate(uri);
        await(active, source);
        assertNoMemoryCanCome(source, "has a destination that cannot follow");
        source.migrator.startPostcopy();
    }

    private static void assertNoMemoryCanCome(BareSource source, String why) {
        assertThatThrownBy(() -> source.migrator.plugRam("more", 1 << 20))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining(why);
    }

    private static void await(CountDownLatch latch, BareSource source) throws InterruptedException {
        assertThat(latch.await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                .as(() -> source.migrator.statistics().toString())
                .isTrue();
    }

    private void assertMemoryArrives(BareSource source, QemuProcess qemu) throws Exception {
        Path saved = directory.resolve("saved");
        qemu.savePhysicalMemory(0, MEMORY_BYTES, saved);
        assertThat(SavedMemory.differingPages(saved, source.guest.memory()))
                .as("pages that differ, of " + MEMORY_BYTES / 4096)
                .isEmpty();
    }

    private static PostcopyStatistics assertHandedOver(BareSource source, QemuProcess qemu) throws Exception {
        MigrationStatistics outcome = source.outcome();
        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(outcome.owner()).contains(GuestOwner.PEER);
        assertThat(source.run.state()).isEqualTo(RunState.POSTMIGRATE);
        qemu.awaitMigration("completed", PATIENCE);
        assertThat(qemu.query("query-status", "status")).isEqualTo("running");
        return outcome.postcopy().orElseThrow();
    }
}
