// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A QEMU whose memory is in pages of 2 MiB says so in the block list, and its pages are asked for and placed whole. */
@Tag("peer")
@Tag("kernel")
@Timeout(120)
class HugePagesFromQemuTest {
    /** QEMU looks whether it is to switch after 64 host pages, here 128 MiB; what counts lies behind them. */
    private static final int MEMORY_MEBIBYTES = 256;

    private static final long RANDOM_ADDRESS = (160L << 20) + RamBlock.PAGE_BYTES;
    private static final int RANDOM_MEBIBYTES = 24;

    /** Keeps QEMU busy before it looks, so that it has been asked by then. */
    private static final long EARLY_ADDRESS = (32L << 20) + RamBlock.PAGE_BYTES;

    private static final int EARLY_MEBIBYTES = 6;
    private static final long HUGE_PAGE_BYTES = 2L << 20;

    /** The firmware's place below 1 MiB. */
    private static final long FIRMWARE_PAGE = 0xc0000 / RamBlock.PAGE_BYTES;

    private static final long FIRMWARE_END_PAGE = 0x100000 / RamBlock.PAGE_BYTES;

    /** Both sides' memory, and one for the page that is being put together. */
    private static final long NEEDED_PAGES = 2 * MEMORY_MEBIBYTES / 2 + 4;

    private static final Path POOL = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB");

    @TempDir
    Path directory = Path.of("");

    private long added;

    @BeforeEach
    void needsQemuUserfaultfdAndHugePages() throws IOException {
        Optional<String> missing = QemuProcess.missing();
        assumeTrue(missing.isEmpty(), () -> missing.orElse(""));
        Support support = Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER);
        assumeTrue(support instanceof Support.Available, support::toString);
        assumeTrue(Files.isWritable(POOL.resolve("nr_hugepages")), "huge pages of 2 MiB may not be set aside");
        long free = number("free_hugepages") - number("resv_hugepages");
        added = Math.max(0, NEEDED_PAGES - free);
        change(added);
        long now = number("free_hugepages") - number("resv_hugepages");
        assumeTrue(now >= NEEDED_PAGES, () -> now + " huge pages are free, " + NEEDED_PAGES + " are needed");
    }

    @AfterEach
    void givesBack() throws IOException {
        change(-added);
    }

    private static void change(long by) throws IOException {
        if (by != 0) {
            Files.writeString(POOL.resolve("nr_hugepages"), Long.toString(Math.max(0, number("nr_hugepages") + by)));
        }
    }

    private static long number(String file) throws IOException {
        return Long.parseLong(Files.readString(POOL.resolve(file)).strip());
    }

    @ParameterizedTest
    @CsvSource({"false, 31", "true, 32"})
    void hugePagesArriveWhole(boolean preempt, long seed) throws Exception {
        try (QemuProcess qemu = startQemu(seed);
                Destination destination = new Destination()) {
            destination.migrator.setCapability(Capability.POSTCOPY_RAM, true);
            destination.migrator.setCapability(Capability.POSTCOPY_PREEMPT, preempt);
            qemu.capability("postcopy-ram", true);
            qemu.capability("postcopy-preempt", preempt);
            qemu.parameters("\"max-bandwidth\": 4000000, \"max-postcopy-bandwidth\": 8000000");
            CountDownLatch switched = destination.latchOn(MigrationStatus.POSTCOPY_ACTIVE);
            qemu.migrate(destination.listen("tcp:127.0.0.1:0"));
            qemu.awaitMigration("active", PATIENCE);
            qemu.execute("migrate-start-postcopy");
            assertThat(switched.await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .as(() -> destination.migrator.statistics().toString())
                    .isTrue();
            RamBlock ram = destination.guest.ram().snapshot().blocks().stream()
                    .max(Comparator.comparingLong(RamBlock::usedLength))
                    .orElseThrow();
            RandomTouches touches = destination.touch(ram, seed, 4, 200);
            touches.awaitAll();
            qemu.awaitMigration("completed", PATIENCE);

            assertThat(destination.outcome().error()).isEmpty();
            assertThat(destination.outcome().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(ram.usedLength()).isEqualTo((long) MEMORY_MEBIBYTES << 20);
            assertThat(ram.pageBytes()).isEqualTo(HUGE_PAGE_BYTES);
            Path saved = directory.resolve("saved");
            qemu.savePhysicalMemory(0, ram.usedLength(), saved);
            assertThat(SavedMemory.differingPages(saved, ram.memory()))
                    .as("pages that differ, but for those that a PC which has not run hides behind its firmware")
                    .allMatch(page -> page >= FIRMWARE_PAGE && page < FIRMWARE_END_PAGE);
        }
    }

    /** A stopped machine with random bytes in the middle of its memory. */
    private QemuProcess startQemu(long seed) throws Exception {
        System.out.println("content seed " + seed);
        byte[] content = new byte[RANDOM_MEBIBYTES << 20];
        new Random(seed).nextBytes(content);
        Path file = Files.write(directory.resolve("content"), content);
        Path early = Files.write(directory.resolve("early"), Arrays.copyOf(content, EARLY_MEBIBYTES << 20));
        String memory = "memory-backend-memfd,id=mem,size=" + MEMORY_MEBIBYTES + "M,hugetlb=on,hugetlbsize=2M";
        return QemuProcess.start(
                directory,
                "qemu",
                List.of(
                        "-machine",
                        "q35,memory-backend=mem",
                        "-m",
                        MEMORY_MEBIBYTES + "M",
                        "-object",
                        memory,
                        "-device",
                        "loader,addr=0x" + Long.toHexString(EARLY_ADDRESS) + ",force-raw=on,file=" + early,
                        "-device",
                        "loader,addr=0x" + Long.toHexString(RANDOM_ADDRESS) + ",force-raw=on,file=" + file,
                        "-S"));
    }
}
