// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A live Linux leaves QEMU by postcopy and Godwit takes it in: its pages are asked for in random order, the wire is cut
 * and mended by QEMU's own recovery, and at the end every page is the one that QEMU still has.
 */
@Tag("peer")
@Tag("kernel")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class PostcopyFromQemuTest {
    private static final long BIOS_END = 1L << 32;
    private static final int THREADS = 12;
    private static final int PAGES_EACH = 800;

    /** Of some 80 MB, of which precopy has far less than one. */
    private static final long IN_THE_MIDDLE_BYTES = 20L << 20;

    @TempDir
    Path directory = Path.of("");

    @BeforeEach
    void needsUserfaultfd() {
        Support support = Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER);
        assumeTrue(support instanceof Support.Available, support::toString);
    }

    @ParameterizedTest
    @CsvSource({"tcp, false, 1", "tcp, true, 2", "unix, false, 3", "unix, true, 4"})
    void everyPageArrivesWhateverIsAskedForFirst(String transport, boolean preempt, long seed, QemuProcess qemu)
            throws Exception {
        prepare(qemu, preempt);
        try (Destination destination = postcopyDestination(preempt)) {
            CountDownLatch switched = destination.latchOn(MigrationStatus.POSTCOPY_ACTIVE);
            qemu.migrate(
                    destination.listen(transport.equals("tcp") ? "tcp:127.0.0.1:0" : "unix:" + directory.resolve("s")));
            qemu.awaitMigration("active", PATIENCE);
            qemu.execute("migrate-start-postcopy");
            await(switched, destination);
            RandomTouches touches = touches(destination, seed);
            touches.awaitAll();
            assertWhole(destination, qemu, 0);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cut, false, 11",
        "cut, true, 12",
        "qemu, false, 13",
        "qemu, true, 14",
        "godwit, false, 15",
        "godwit, true, 16"
    })
    void aBrokenConnectionIsMendedByQemusRecovery(String breaker, boolean preempt, long seed, QemuProcess qemu)
            throws Exception {
        prepare(qemu, preempt);
        try (Destination destination = postcopyDestination(preempt);
                CuttableWire wire = new CuttableWire()) {
            CountDownLatch switched = destination.latchOn(MigrationStatus.POSTCOPY_ACTIVE);
            CountDownLatch paused = destination.latchOn(MigrationStatus.POSTCOPY_PAUSED);
            wire.leadTo(destination.listen("tcp:127.0.0.1:0"));
            if (breaker.equals("cut")) {
                wire.cutAfter(IN_THE_MIDDLE_BYTES);
            } else {
                wire.holdAfter(IN_THE_MIDDLE_BYTES);
            }
            qemu.migrate(wire.uri());
            qemu.awaitMigration("active", PATIENCE);
            qemu.execute("migrate-start-postcopy");
            await(switched, destination);
            RandomTouches touches = touches(destination, seed);
            wire.awaitStrike();
            breakConnection(breaker, wire, qemu, destination);
            await(paused, destination);
            qemu.awaitMigration("postcopy-paused", PATIENCE);
            recover(destination, wire, qemu);
            touches.awaitAll();
            assertWhole(destination, qemu, 1);
        }
    }

    /** Cut once more while the bitmaps are asked for, or when pages come again already. */
    @ParameterizedTest
    @CsvSource({"50, false, 21", "50, true, 22", "1000000, false, 23", "1000000, true, 24"})
    void aRecoveryThatBreaksCanBeTriedAgain(int cutAfterBytes, boolean preempt, long seed, QemuProcess qemu)
            throws Exception {
        prepare(qemu, preempt);
        try (Destination destination = postcopyDestination(preempt);
                CuttableWire wire = new CuttableWire()) {
            CountDownLatch switched = destination.latchOn(MigrationStatus.POSTCOPY_ACTIVE);
            CountDownLatch paused = destination.latchOn(MigrationStatus.POSTCOPY_PAUSED);
            wire.leadTo(destination.listen("tcp:127.0.0.1:0"));
            wire.cutAfter(IN_THE_MIDDLE_BYTES);
            qemu.migrate(wire.uri());
            qemu.awaitMigration("active", PATIENCE);
            qemu.execute("migrate-start-postcopy");
            await(switched, destination);
            RandomTouches touches = touches(destination, seed);
            wire.awaitStrike();
            await(paused, destination);
            qemu.awaitMigration("postcopy-paused", PATIENCE);
            wire.cutAfter(cutAfterBytes);
            recover(destination, wire, qemu);
            wire.awaitStrike();
            qemu.awaitMigration("postcopy-paused", PATIENCE);
            recover(destination, wire, qemu);
            touches.awaitAll();
            assertWhole(destination, qemu, cutAfterBytes == 50 ? 1 : 2);
        }
    }

    private static void prepare(QemuProcess qemu, boolean preempt) throws Exception {
        qemu.capability("postcopy-ram", true);
        qemu.capability("postcopy-preempt", preempt);
        // Slow enough that the switch comes while most pages are missing, and that they are asked for before they come
        // unasked.
        qemu.parameters("\"max-bandwidth\": 20000000, \"max-postcopy-bandwidth\": 50000000");
    }

    private static Destination postcopyDestination(boolean preempt) {
        Destination destination = new Destination();
        destination.migrator.setCapability(Capability.POSTCOPY_RAM, true);
        destination.migrator.setCapability(Capability.POSTCOPY_PREEMPT, preempt);
        return destination;
    }

    private static RandomTouches touches(Destination destination, long seed) {
        return destination.touch(block(destination, "pc.ram"), seed, THREADS, PAGES_EACH);
    }

    private static void breakConnection(String breaker, CuttableWire wire, QemuProcess qemu, Destination destination)
            throws Exception {
        switch (breaker) {
            case "cut" -> {}
            case "qemu" -> qemu.execute("migrate-pause");
            case "godwit" -> destination.migrator.pausePostcopy();
            default -> throw new IllegalArgumentException(breaker);
        }
        wire.release();
    }

    private static void recover(Destination destination, CuttableWire wire, QemuProcess qemu) throws Exception {
        CountDownLatch paused = destination.latchOn(MigrationStatus.POSTCOPY_PAUSED);
        try {
            destination.migrator.recover("tcp:127.0.0.1:0");
        } catch (MigrationException.Refused e) {
            // It has yet to see that the connection before this one is gone.
            await(paused, destination);
            destination.migrator.recover("tcp:127.0.0.1:0");
        }
        wire.leadTo(destination.migrator.statistics().listenAddress().orElseThrow());
        qemu.resume(wire.uri());
    }

    private static void await(CountDownLatch latch, Destination destination) throws InterruptedException {
        assertThat(latch.await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                .as(() -> destination.migrator.statistics().toString())
                .isTrue();
    }

    private void assertWhole(Destination destination, QemuProcess qemu, int recoveries) throws Exception {
        // Enough was asked for; the rest may come as fast as it can.
        qemu.parameters("\"max-postcopy-bandwidth\": 0");
        qemu.awaitMigration("completed", PATIENCE);
        MigrationStatistics outcome = destination.outcome();
        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(destination.run.state()).as("the guest is kept, not run").isEqualTo(RunState.PAUSED);
        PostcopyStatistics postcopy = outcome.postcopy().orElseThrow();
        assertThat(postcopy.recoveries()).isEqualTo(recoveries);
        assertThat(postcopy.missingPages()).isZero();
        assertThat(postcopy.waitingFaults()).isZero();
        assertThat(postcopy.requests()).as("faults that asked for a page").isGreaterThan(50);
        System.out.println(postcopy.requests() + " requests, median "
                + postcopy.latency().whole().percentileNanos(50) / 1000 + " µs, p99 "
                + postcopy.latency().whole().percentileNanos(99) / 1000 + " µs");
        assertMemoryIsQemus(destination, qemu);
        byte[] devices = destination.guest.opaqueDevices().toByteArray();
        String text = new String(devices, StandardCharsets.ISO_8859_1);
        assertThat(text).contains("timer", "cpu", "apic", "serial", "globalstate");
        assertThat(devices[devices.length - 5]).as("type of the last footer").isEqualTo((byte) 0x7e);
    }

    private void assertMemoryIsQemus(Destination destination, QemuProcess qemu) throws Exception {
        RamBlock ram = block(destination, "pc.ram");
        RamBlock bios = block(destination, "pc.bios");
        assertThat(differing(qemu, ram, 0)).as("pages of pc.ram that differ").isEmpty();
        assertThat(differing(qemu, bios, BIOS_END - bios.usedLength()))
                .as("pages of pc.bios that differ")
                .isEmpty();
    }

    private static RamBlock block(Destination destination, String idstr) {
        return destination.guest.ram().snapshot().find(idstr).orElseThrow();
    }

    private List<Long> differing(QemuProcess qemu, RamBlock block, long address) throws Exception {
        Path saved = directory.resolve("saved");
        qemu.savePhysicalMemory(address, block.usedLength(), saved);
        List<Long> differing = SavedMemory.differingPages(saved, block.memory());
        Files.delete(saved);
        return differing;
    }
}
