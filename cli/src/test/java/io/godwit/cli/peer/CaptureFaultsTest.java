// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.qemu.capture.Afterwards;
import io.godwit.qemu.capture.Capture;
import io.godwit.qemu.capture.CaptureException;
import io.godwit.qemu.capture.CapturePlan;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.StorePlaces;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever becomes of a capture, the guest goes on at its QEMU by itself, and the store is whole. The system property
 * {@code godwit.kills} says how many captures die at a moment of chance.
 */
@Tag("peer")
@Timeout(1800)
class CaptureFaultsTest {
    private static final int KILLS = Integer.getInteger("godwit.kills", 4);
    private static final long SEED = Long.getLong("godwit.seed", 14);
    private static final List<String> MACHINE = List.of("-machine", "pc,accel=tcg", "-m", "128M");

    /** The guest has few pages with content, and a capture is to last for a while. */
    private static final String SLOWLY = "--max-bandwidth";

    private static final String BANDWIDTH = "2M";

    @TempDir
    Path directory = Path.of("");

    private Path mounted = Path.of("");

    @AfterEach
    void unmount() throws Exception {
        if (!mounted.equals(Path.of(""))) {
            assertThat(run("umount", mounted.toString())).isZero();
        }
    }

    private static int run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor();
    }

    private QemuProcess guest() throws Exception {
        assumeTrue(QemuProcess.missing().isEmpty(), () -> QemuProcess.missing().orElse(""));
        return QemuProcess.start(directory, "source", MACHINE);
    }

    private QemuProcess oldGuest() throws Exception {
        assumeTrue(
                QemuProcess.oldMissing().isEmpty(),
                () -> QemuProcess.oldMissing().orElse(""));
        return QemuProcess.startOld(directory, "source", MACHINE);
    }

    private String store() {
        return directory.resolve("store").toString();
    }

    private CapturingGodwit capture(QemuProcess qemu, String target, String... options) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("capture", "--qmp", qemu.qmpAddress(), target));
        arguments.addAll(List.of(options));
        return CapturingGodwit.start(directory, arguments.toArray(String[]::new));
    }

    private void checkStore(String store) throws Exception {
        if (Files.exists(Path.of(store, "store.format"))) {
            GodwitProcess check = GodwitProcess.run(directory, PATIENCE, "store", "check", store);
            assertThat(check.status()).as(check.out() + check.err()).isZero();
        }
    }

    private static void awaitRunning(QemuProcess qemu) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        String migration = migration(qemu);
        while (!qemu.query("query-status", "status").equals("running") || !isEnded(migration)) {
            assertThat(System.nanoTime()).as(migration).isLessThan(deadline);
            migration = migration(qemu);
        }
    }

    private static String migration(QemuProcess qemu) throws Exception {
        return Json.parse(qemu.execute("query-migrate"))
                .path("return")
                .path("status")
                .asString("none");
    }

    private static boolean isEnded(String status) {
        return List.of("none", "cancelled", "failed", "completed").contains(status);
    }

    @Test
    void captureThatIsKilledAtAnyMomentLeavesARunningGuestAndAWholeStore() throws Exception {
        SplittableRandom random = new SplittableRandom(SEED);
        Map<String, Integer> phases = new TreeMap<>();
        try (QemuProcess qemu = guest()) {
            long whole = wholeMillis(qemu);
            int killed = 0;
            for (int i = 0; killed < KILLS; i++) {
                assertThat(i).as("captures for %s kills: %s", killed, phases).isLessThan(3 * KILLS);
                String after = i % 2 == 0 ? "--keep-running" : "--pause";
                long moment = random.nextLong(whole);
                String told = "seed " + SEED + ", capture " + i + ", " + moment + " ms after its first word";
                try (CapturingGodwit capture = capture(qemu, store() + "/kill-" + i, after, SLOWLY, BANDWIDTH)) {
                    // One in some dies before it has told the source anything.
                    boolean begun = i % 10 != 9 && awaitMigrating(qemu, capture);
                    if (capture.endsWithin(begun ? moment : random.nextLong(300))) {
                        whole = Math.max(whole / 2, 1);
                    } else {
                        String phase = begun ? phase(qemu) : "before";
                        capture.kill();
                        killed++;
                        phases.merge(phase, 1, Integer::sum);
                        told += ", " + phase;
                    }
                }
                if (Files.exists(Path.of(store(), "snapshots", "kill-" + i + ".snapshot")) && i % 2 == 1) {
                    // It had all, and left the guest as it was told to.
                    qemu.execute("cont");
                }
                awaitRunning(qemu);
                checkStore(store());
                System.out.println(told + ": running, whole");
            }
            System.out.println(killed + " captures were killed before their end: " + phases);
        }
    }

    /** How long a capture takes from its first word to the source to its end. */
    private long wholeMillis(QemuProcess qemu) throws Exception {
        try (CapturingGodwit whole = capture(qemu, store() + "/first", SLOWLY, BANDWIDTH)) {
            assertThat(awaitMigrating(qemu, whole)).isTrue();
            long began = System.nanoTime();
            assertThat(whole.awaitEnd()).as(whole.err()).isZero();
            return Math.max(1, (System.nanoTime() - began) / 1_000_000);
        }
    }

    /** Whether the source has begun, before the capture ended. */
    private static boolean awaitMigrating(QemuProcess qemu, CapturingGodwit capture) throws Exception {
        while (isEnded(migration(qemu))) {
            if (capture.endsWithin(1)) {
                return false;
            }
        }
        return true;
    }

    /** What the source says: its migration's state, and whether the guest stands still. */
    private static String phase(QemuProcess qemu) throws Exception {
        String migration = migration(qemu);
        return isEnded(migration) ? "stored" : migration + ", guest " + qemu.query("query-status", "status");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void captureThatIsKilledWhileTheGuestStandsStillLeavesItRunning(boolean old) throws Exception {
        Path held = Files.createFile(directory.resolve("held"));
        try (QemuProcess qemu = old ? oldGuest() : guest()) {
            for (String after : List.of("--keep-running", "--pause", "--quit")) {
                try (CapturingGodwit capture = capture(
                        qemu,
                        store() + "/held",
                        after,
                        "--disk-hook",
                        "while [ -e " + held + " ]; do sleep .1; done")) {
                    awaitStill(qemu);
                    capture.kill();
                    awaitRunning(qemu);
                }
                checkStore(store());
            }
        } finally {
            Files.delete(held);
        }
    }

    private static void awaitStill(QemuProcess qemu) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!qemu.query("query-status", "status").equals("finish-migrate")) {
            assertThat(System.nanoTime()).isLessThan(deadline);
        }
    }

    @Test
    void captureThatIsToldToEndPutsTheSettingsBack() throws Exception {
        Path held = Files.createFile(directory.resolve("held"));
        try (QemuProcess qemu = guest()) {
            qemu.capability("xbzrle", true);
            String before = Json.parse(qemu.execute("query-migrate-capabilities"))
                    .path("return")
                    .toString();
            try (CapturingGodwit capture =
                    capture(qemu, store() + "/held", "--disk-hook", "while [ -e " + held + " ]; do sleep .1; done")) {
                awaitStill(qemu);
                capture.terminate();
                int _ = capture.awaitEnd();
                awaitRunning(qemu);
                assertThat(Json.parse(qemu.execute("query-migrate-capabilities"))
                                .path("return")
                                .toString())
                        .isEqualTo(before);
            }
        } finally {
            Files.delete(held);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void settingsThatAKilledCaptureLeftArePutBackByTheNext(boolean old) throws Exception {
        Path held = Files.createFile(directory.resolve("held"));
        try (QemuProcess qemu = old ? oldGuest() : guest()) {
            qemu.capability("xbzrle", true);
            String before = settings(qemu);
            try (CapturingGodwit capture =
                    capture(qemu, store() + "/held", "--disk-hook", "while [ -e " + held + " ]; do sleep .1; done")) {
                awaitStill(qemu);
                capture.kill();
            }
            awaitRunning(qemu);
            assertThat(settings(qemu)).isNotEqualTo(before);
            try (CapturingGodwit next = capture(qemu, store() + "/next")) {
                assertThat(next.awaitEnd()).as(next.err()).isZero();
                assertThat(next.err()).contains("They are as they were before it:", "xbzrle");
            }
            assertThat(settings(qemu)).isEqualTo(before);
            try (CapturingGodwit last = capture(qemu, store() + "/last")) {
                assertThat(last.awaitEnd()).as(last.err()).isZero();
                assertThat(last.err()).doesNotContain("as they were");
            }
        } finally {
            Files.deleteIfExists(held);
        }
    }

    private static String settings(QemuProcess qemu) throws Exception {
        return Json.parse(qemu.execute("query-migrate-capabilities"))
                        .path("return")
                        .toString()
                + Json.parse(qemu.execute("query-migrate-parameters"))
                        .path("return")
                        .toString();
    }

    @Test
    void diskHookThatFailsFailsTheCaptureAndTheGuestRunsOn() throws Exception {
        try (QemuProcess qemu = guest();
                CapturingGodwit capture =
                        capture(qemu, store() + "/hook", "--pause", "--disk-hook", "echo no room; exit 3")) {
            assertThat(capture.awaitEnd()).isEqualTo(1);
            assertThat(capture.err()).contains("status 3", "no room", "The guest runs on");
            awaitRunning(qemu);
            assertThat(Path.of(store(), "snapshots")).isEmptyDirectory();
        }
    }

    /** A place at which something happens just before a snapshot is published. */
    private static ObjectPlace publishing(ObjectPlace place, Callable<String> before) {
        return (ObjectPlace) Proxy.newProxyInstance(
                ObjectPlace.class.getClassLoader(), new Class<?>[] {ObjectPlace.class}, (_, method, arguments) -> {
                    if (method.getName().equals("create")
                            && ((ObjectName) arguments[0]).kind() == ObjectName.Kind.SNAPSHOT) {
                        String _ = before.call();
                    }
                    try {
                        return method.invoke(place, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @ParameterizedTest
    @EnumSource(names = {"PAUSE", "QUIT"})
    void guestThatGoesOnWhileItsSnapshotIsPublishedIsNotEnded(Afterwards afterwards) throws Exception {
        try (QemuProcess qemu = guest()) {
            QmpAddress address = QmpAddress.parse(qemu.qmpAddress());
            CapturePlan plan = new CapturePlan(
                    address,
                    "tcp:127.0.0.1:0",
                    afterwards,
                    Optional.empty(),
                    PATIENCE,
                    OptionalLong.empty(),
                    OptionalLong.empty());
            ObjectPlace place = publishing(StorePlaces.at(store()), () -> qemu.execute("migrate_cancel"));
            SnapshotName one = new SnapshotName("one");
            assertThatThrownBy(() -> new Capture(
                                    plan, one, () -> Store.openOrCreate(place).write(one), (_, _, _) -> {})
                            .run())
                    .isInstanceOf(CaptureException.class)
                    .hasMessage("The snapshot one is whole, but the guest has gone on at its QEMU; it was not ended.");
            awaitRunning(qemu);
            assertThat(Store.open(place).snapshots()).containsExactly(one);
        }
        checkStore(store());
    }

    @Test
    void nameThatIsTakenIsRefusedBeforeTheGuestIsTouched() throws Exception {
        try (QemuProcess qemu = guest();
                CapturingGodwit first = capture(qemu, store() + "/one")) {
            assertThat(first.awaitEnd()).as(first.err()).isZero();
            String before = qemu.execute("query-migrate").replaceAll("\"id\".*", "");
            try (CapturingGodwit second = capture(qemu, store() + "/one")) {
                assertThat(second.awaitEnd()).isEqualTo(1);
                assertThat(second.err()).contains("There is a snapshot 'one'");
            }
            assertThat(qemu.execute("query-migrate").replaceAll("\"id\".*", "")).isEqualTo(before);
        }
    }

    @Test
    void fullDiskEndsTheCaptureAndTheGuestRunsOn() throws Exception {
        Path disk = Files.createDirectory(directory.resolve("disk"));
        assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk.toString()) == 0,
                "no right to mount a tmpfs");
        mounted = disk;
        try (QemuProcess qemu = guest();
                CapturingGodwit capture = capture(qemu, disk + "/store/full")) {
            assertThat(capture.awaitEnd()).isEqualTo(1);
            assertThat(capture.err()).contains("No space left on device", "The guest runs on");
            awaitRunning(qemu);
            checkStore(disk + "/store");
        }
    }

    @Test
    void qemuThatDiesInTheMiddleLeavesAWholeStore() throws Exception {
        Path held = Files.createFile(directory.resolve("held"));
        try (QemuProcess qemu = guest();
                CapturingGodwit capture = capture(
                        qemu, store() + "/dead", "--disk-hook", "while [ -e " + held + " ]; do sleep .1; done")) {
            awaitStill(qemu);
            qemu.kill();
            // The hook goes on until the capture ends it: one that ended by itself might do so before the loss is seen.
            assertThat(capture.awaitEnd()).isEqualTo(1);
            assertThat(capture.err()).contains("failed");
            assertThat(Path.of(store(), "snapshots")).isEmptyDirectory();
            checkStore(store());
        } finally {
            Files.deleteIfExists(held);
        }
    }
}
