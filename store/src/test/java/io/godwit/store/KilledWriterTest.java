// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.store.care.Collector;
import io.godwit.store.care.StoreCheck;
import io.godwit.store.objects.DirectoryPlace;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process that writes, collects and removes gets SIGKILL at a step that the seed chooses. The store is whole
 * afterwards: what was there is there, what was being written is there wholly or not at all.
 */
class KilledWriterTest {
    private static final int KILLS = Integer.getInteger("godwit.store.kills", 20);
    private static final long SEED = Long.getLong("godwit.store.seed", 20261130);
    private static final int KILLED = 128 + 9;

    @TempDir
    Path directory = Path.of("");

    /** The process that is killed. */
    static final class Victim {
        private Victim() {}

        /**
         * Does the same each time, to be killed at step {@code arguments[1]}.
         *
         * @param arguments the store, the step
         */
        public static void main(String[] arguments) {
            Path root = Path.of(arguments[0]);
            MortalPlace place = new MortalPlace(DirectoryPlace.of(root), Long.parseLong(arguments[1]));
            for (int i = 1; i <= 3; i++) {
                try (SnapshotWriter writer = new SnapshotWriter(place, new SnapshotName("new" + i))) {
                    var _ = guest(i).importWith(writer);
                }
            }
            Store store = Store.at(place);
            store.remove(new SnapshotName("new1"));
            store.remove(new SnapshotName("old2"));
            Collector.Collected _ = Collector.collect(store);
            System.out.println(place.steps());
        }
    }

    /** Guest 0 is the oldest; each has some pages of the one before. */
    private static SavedGuest guest(int number) {
        SavedGuest guest = SavedGuest.ofPages(900);
        SplittableRandom random = new SplittableRandom(number);
        for (int page = 0; page < 300; page++) {
            guest.fill(0, page * 3, 1 + number * 100 + page);
        }
        for (int page = 0; page < 200; page++) {
            guest.fillRandom(0, page * 3 + 1, random);
        }
        return guest;
    }

    private static Store oldStore(Path root) {
        Store store = Store.openOrCreate(root);
        var _ = guest(10).importInto(store, "old1");
        var _ = guest(11).importInto(store, "old2");
        return store;
    }

    private static Process start(Path root, long step) throws IOException {
        String path = Stream.of("java.class.path", "jdk.module.path")
                .map(name -> System.getProperty(name, ""))
                .reduce(location(KilledWriterTest.class), (one, other) -> one + File.pathSeparator + other);
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                path + File.pathSeparator + location(Store.class),
                Victim.class.getName(),
                root.toString(),
                Long.toString(step)));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    private static String location(Class<?> type) {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().getPath())
                .toString();
    }

    private static String output(Process process) throws IOException {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    }

    @Test
    void aWriterThatIsKilledAtAnyStepLeavesTheStoreWhole() throws Exception {
        Path undisturbed = directory.resolve("undisturbed");
        Store _ = oldStore(undisturbed);
        Process whole = start(undisturbed, Long.MAX_VALUE);
        String told = output(whole);
        assertThat(whole.waitFor()).as(told).isZero();
        long steps = Long.parseLong(told);
        SplittableRandom random = new SplittableRandom(SEED);
        for (int kill = 0; kill < KILLS; kill++) {
            Path root = directory.resolve("store" + kill);
            Store store = oldStore(root);
            long step = random.nextLong(steps);
            Process victim = start(root, step);
            String said = output(victim);
            assertThat(victim.waitFor()).as(said).isEqualTo(KILLED);
            assertWhole(store, "seed " + SEED + ", killed at step " + step + " of " + steps);
        }
    }

    private static void assertWhole(Store store, String when) {
        StoreCheck.Report report = StoreCheck.check(store);
        assertThat(report.damages()).as(when).isEmpty();
        assertThat(store.snapshots()).as(when).contains(new SnapshotName("old1"));
        for (SnapshotName name : store.snapshots()) {
            int number = Integer.parseInt(name.text().substring(3));
            assertReads(store, name, guest(name.text().startsWith("old") ? number + 9 : number), when);
        }
        // Whoever comes next can go on, and frees what was left.
        var _ = guest(20).importInto(store, "next");
        assertReads(store, new SnapshotName("next"), guest(20), when);
        for (SnapshotName name : new TreeSet<>(store.snapshots())) {
            store.remove(name);
        }
        assertThat(Collector.collect(store).keptBytes()).as(when).isZero();
        assertThat(StoreCheck.check(store).packs()).as(when).isZero();
    }

    private static void assertReads(Store store, SnapshotName name, SavedGuest guest, String when) {
        byte[] wanted = guest.block(0);
        byte[] read = new byte[wanted.length];
        try (Snapshot snapshot = store.snapshot(name)) {
            snapshot.read(0, 0, wanted.length / SavedGuest.PAGE, read, 0);
        }
        assertThat(Arrays.mismatch(read, wanted)).as("%s, %s", name, when).isEqualTo(-1);
    }
}
