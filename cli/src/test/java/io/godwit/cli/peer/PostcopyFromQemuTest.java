// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.Capability;
import io.godwit.engine.MigrationStatistics;
import io.godwit.engine.MigrationStatus;
import io.godwit.engine.PostcopyStatistics;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A live Linux of QEMU's that arrives by postcopy: pages are asked for in any order, and at the end every one of them is QEMU's. */
@Tag("peer")
@Tag("kernel")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class PostcopyFromQemuTest {
    private static final long RAM_BYTES = (long) RunningLinux.MEMORY_MEBIBYTES << 20;

    @TempDir
    Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource({"false, false, 1", "true, false, 2", "false, true, 3", "true, true, 4"})
    void everyPageArrives(boolean preempt, boolean cut, long seed, QemuProcess qemu) throws Exception {
        System.out.println("seed of the order of touches " + seed);
        qemu.capability("postcopy-ram", true);
        qemu.capability("postcopy-preempt", preempt);
        // Slow enough that the switch comes while most pages are missing.
        qemu.parameters("\"max-bandwidth\": 20000000, \"max-postcopy-bandwidth\": 50000000");
        try (Destination destination = new Destination()) {
            destination.migrator.setCapability(Capability.POSTCOPY_RAM, true);
            destination.migrator.setCapability(Capability.POSTCOPY_PREEMPT, preempt);
            CountDownLatch switched = destination.latchOn(MigrationStatus.POSTCOPY_ACTIVE);
            CountDownLatch paused = destination.latchOn(MigrationStatus.POSTCOPY_PAUSED);
            qemu.migrate(destination.listen("tcp:127.0.0.1:0"));
            qemu.execute("migrate-start-postcopy");
            assertThat(switched.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            AtomicBoolean stop = new AtomicBoolean();
            Thread toucher = new Thread(() -> touch(destination, seed, stop), "toucher");
            toucher.start();
            MigrationStatistics outcome;
            try {
                if (cut) {
                    cutAndRecover(destination, paused, qemu);
                }
                qemu.awaitMigration("completed", PATIENCE);
                outcome = destination.outcome();
            } finally {
                stop.set(true);
                // Who waits for a page is let go, before the memory goes.
                destination.migrator.close();
                toucher.join();
            }
            assertThat(outcome.error()).isEmpty();
            assertThat(outcome.status()).isEqualTo(MigrationStatus.COMPLETED);
            PostcopyStatistics postcopy = outcome.postcopy().orElseThrow();
            System.out.println(postcopy.requests() + " requests, median "
                    + postcopy.latency().whole().percentileNanos(50) / 1000 + " µs, p99 "
                    + postcopy.latency().whole().percentileNanos(99) / 1000 + " µs");
            assertThat(postcopy.requests()).isGreaterThan(10);
            assertThat(postcopy.recoveries()).isEqualTo(cut ? 1 : 0);
            assertThat(destination.guest.opaqueDevices().byteLength()).isGreaterThan(10_000);
            Path saved = directory.resolve("saved");
            qemu.savePhysicalMemory(0, RAM_BYTES, saved);
            assertThat(SavedMemory.differingPages(saved, ram(destination).memory()))
                    .isEmpty();
        }
    }

    private static RamBlock ram(Destination destination) {
        return destination.guest.ram().snapshot().find("pc.ram").orElseThrow();
    }

    /** Reads pages in any order, by native calls, which wait for what is missing. */
    private static void touch(Destination destination, long seed, AtomicBoolean stop) {
        RamBlock ram = ram(destination);
        SplittableRandom random = new SplittableRandom(seed);
        try (NativeMemory scratch = NativeMemory.allocate(RamBlock.PAGE_BYTES)) {
            while (!stop.get()) {
                long page = random.nextLong(ram.pageCount());
                NativeMemory.copyByDowncall(ram.memory(), page * RamBlock.PAGE_BYTES, scratch, 0, 8);
            }
        }
    }

    private static void cutAndRecover(Destination destination, CountDownLatch paused, QemuProcess qemu)
            throws Exception {
        destination.awaitRequests(20);
        destination.migrator.pausePostcopy();
        assertThat(paused.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        qemu.awaitMigration("postcopy-paused", PATIENCE);
        destination.migrator.recover("tcp:127.0.0.1:0");
        qemu.resume(destination.migrator.statistics().listenAddress().orElseThrow());
    }
}
