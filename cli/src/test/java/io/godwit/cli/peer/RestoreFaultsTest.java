// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.control.QmpAddress;
import io.godwit.qemu.restore.Destination;
import io.godwit.qemu.restore.Restore;
import io.godwit.qemu.restore.RestoreException;
import io.godwit.qemu.restore.RestoreFigures;
import io.godwit.qemu.restore.StoredGuest;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong with a restore: no guest ever runs with memory that is not what was stored. */
@Tag("peer")
@Timeout(value = 2, unit = TimeUnit.HOURS)
@ExtendWith(StoredLinux.class)
class RestoreFaultsTest {
    /** LIMIT: so that a test run stays short; {@code -Dgodwit.cuts=200} for many. */
    private static final int CUTS = Integer.getInteger("godwit.cuts", 3);

    private static final long MEMORY_BYTES = (long) StoredLinux.MEMORY_MEBIBYTES << 20;
    private static final Restore.Settings LAZILY = new Restore.Settings(true, true, 0);

    @TempDir
    Path directory = Path.of("");

    private static StoredGuest guest(StoredLinux.Stored stored) {
        return StoredGuest.open(Store.open(stored.directory().resolve("store")), new SnapshotName("linux"));
    }

    /** One that does not run its guest, so that nothing of its memory can change. */
    private QemuProcess still(StoredLinux.Stored stored, String name) throws Exception {
        return QemuProcess.start(
                directory,
                name,
                Stream.concat(stored.waiting().stream(), Stream.of("-S")).toList());
    }

    @Test
    void aConnectionThatIsCutIsMadeAnewAndNotAByteIsLost(StoredLinux.Stored stored) throws Exception {
        long seed = Long.getLong("godwit.seed", 20);
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Path raw = stored.raw(directory);
        int recovered = 0;
        int failed = 0;
        for (int i = 0; i < CUTS; i++) {
            List<Long> cuts = new ArrayList<>();
            for (int n = random.nextInt(1, 5); n > 0; n--) {
                // As many early ones as late ones.
                cuts.add(1L << random.nextInt(27) | random.nextInt(1 << 20));
            }
            String what = "restore " + i + ", cuts at " + cuts;
            try (QemuProcess qemu = still(stored, "cut" + i);
                    Destination destination = Destination.at(QmpAddress.parse(qemu.qmpAddress()));
                    StoredGuest guest = guest(stored);
                    Restore restore = new Restore(
                            guest,
                            Optional.of(destination),
                            "unix:" + directory.resolve("in" + i),
                            new Restore.Settings(true, random.nextBoolean(), 0),
                            new CuttingTransports(cuts))) {
                Optional<RestoreFigures> figures = figures(restore, what);
                if (figures.isPresent()) {
                    recovered += figures.get().recoveries();
                    Path loaded = directory.resolve("loaded" + i);
                    qemu.savePhysicalMemory(0, MEMORY_BYTES, loaded);
                    assertThat(Files.mismatch(loaded, raw)).as(what).isEqualTo(-1);
                    Files.delete(loaded);
                } else {
                    failed++;
                }
            }
        }
        System.out.println(
                CUTS + " restores: " + recovered + " recoveries, " + failed + " failed before the guest ran");
    }

    private static Optional<RestoreFigures> figures(Restore restore, String what) throws InterruptedException {
        try {
            return Optional.of(restore.run());
        } catch (RestoreException e) {
            // A QEMU 10.0 that is cut off while it loads the devices ends, or hangs for good.
            assertThat(e.getMessage())
                    .as(what)
                    .contains(
                            e.guestRuns()
                                    ? "The destination does not answer any more"
                                    : "The store has the guest as before.");
            return Optional.empty();
        }
    }

    @Test
    void aGuestWhoseConnectionIsCutWhileItRunsFindsItsMemoryUnchanged(StoredLinux.Stored stored) throws Exception {
        try (QemuProcess qemu = QemuProcess.start(directory, "running", stored.waiting());
                Destination destination = Destination.at(QmpAddress.parse(qemu.qmpAddress()));
                StoredGuest guest = guest(stored);
                Restore restore = new Restore(
                        guest,
                        Optional.of(destination),
                        "unix:" + directory.resolve("in"),
                        LAZILY,
                        new CuttingTransports(List.of(8L << 20, Long.MAX_VALUE, 16L << 20)))) {
            assertThat(restore.run().recoveries()).isPositive();
            stored.awaitChecked(qemu);
        }
    }

    /** QEMU 10.0 then ends, or hangs for good in its own cleaning up; if its devices are loaded, it can go on. */
    @Test
    void aConnectionThatIsCutWhileQemuLoadsTheDevicesHangsNobody(StoredLinux.Stored stored) throws Exception {
        try (QemuProcess qemu = still(stored, "early");
                Destination destination = Destination.at(QmpAddress.parse(qemu.qmpAddress()));
                StoredGuest guest = guest(stored);
                Restore restore = new Restore(
                        guest,
                        Optional.of(destination),
                        "unix:" + directory.resolve("in"),
                        LAZILY,
                        CuttingTransports.beforeTheFirstPage())) {
            try {
                assertThat(restore.run().recoveries()).isEqualTo(1);
            } catch (RestoreException e) {
                assertThat(e)
                        .hasMessageContaining("The destination does not answer any more")
                        .hasMessageContaining("end that process, and restore again");
            }
        }
        try (QemuProcess qemu = QemuProcess.start(directory, "again", stored.waiting())) {
            assertThat(restore(qemu, stored.directory().resolve("store")).status())
                    .isZero();
        }
    }

    @Test
    void aDamagedPageIsGivenToNoGuest(StoredLinux.Stored stored) throws Exception {
        Path store = copy(stored.directory().resolve("store"));
        // In many frames, as the guest may need no page of one of them: the directory stands at the end of a pack.
        Path pack = store.resolve("packs/00000001.pack");
        for (int part = 8; part < 48; part++) {
            flip(pack, Files.size(pack) * part / 64);
        }
        try (QemuProcess qemu = QemuProcess.start(directory, "damaged", stored.waiting())) {
            GodwitProcess run = restore(qemu, store);
            assertThat(run.status()).isEqualTo(1);
            assertThat(run.err())
                    .contains("packs/00000001.pack is damaged: chunk ")
                    .contains("given to no guest", "lacks", "godwit store check")
                    .doesNotContain("'resume'");
            assertThat(qemu.query("query-migrate", "status")).isEqualTo("postcopy-paused");
        }
    }

    @Test
    void aStoreThatLacksSomethingIsRefusedBeforeAnythingRuns(StoredLinux.Stored stored) throws Exception {
        Path store = copy(stored.directory().resolve("store"));
        Path pack = store.resolve("packs/00000001.pack");
        flip(pack, Files.size(pack) - 100);
        try (QemuProcess qemu = QemuProcess.start(directory, "lacking", stored.waiting())) {
            GodwitProcess run = restore(qemu, store);
            assertThat(run.status()).isEqualTo(1);
            assertThat(run.err()).contains("packs/00000001.pack is damaged").hasLineCount(1);
            assertThat(qemu.query("query-status", "status")).isEqualTo("inmigrate");
        }
    }

    private GodwitProcess restore(QemuProcess qemu, Path store) throws Exception {
        return GodwitProcess.run(
                directory,
                PATIENCE,
                "restore",
                "--qmp",
                qemu.qmpAddress(),
                store + "/linux",
                "unix:" + directory.resolve("in"));
    }

    @Test
    void aQemuThatDiesIsToldOfAndTheGuestCanBeRestoredAgain(StoredLinux.Stored stored) throws Exception {
        try (QemuProcess qemu = QemuProcess.start(directory, "dying", stored.waiting());
                Destination destination = Destination.at(QmpAddress.parse(qemu.qmpAddress()));
                StoredGuest guest = guest(stored);
                // Slow enough to be in the middle.
                Restore restore = new Restore(
                        guest,
                        Optional.of(destination),
                        "unix:" + directory.resolve("in"),
                        new Restore.Settings(true, true, 1 << 20))) {
            CompletableFuture<Void> killed = CompletableFuture.runAsync(() -> killOnceItRuns(qemu));
            assertThatThrownBy(restore::run)
                    .isInstanceOf(RestoreException.class)
                    .hasMessageContaining("does not answer any more")
                    .hasMessageContaining("restore again");
            killed.join();
        }
        try (QemuProcess qemu = QemuProcess.start(directory, "second", stored.waiting())) {
            assertThat(restore(qemu, stored.directory().resolve("store")).status())
                    .isZero();
        }
    }

    private static void killOnceItRuns(QemuProcess qemu) {
        try {
            String _ = qemu.awaitEvent("RESUME", PATIENCE);
            qemu.kill();
        } catch (IOException | InterruptedException e) {
            throw new AssertionError("the guest did not run", e);
        }
    }

    private Path copy(Path from) throws Exception {
        Path to = directory.resolve("store");
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file)));
            }
        }
        return to;
    }

    private static void flip(Path file, long at) throws Exception {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            assertThat(channel.read(one, at)).isEqualTo(1);
            one.put(0, (byte) ~one.get(0)).flip();
            assertThat(channel.write(one, at)).isEqualTo(1);
        }
    }
}
