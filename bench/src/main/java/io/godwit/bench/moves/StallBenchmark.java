// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import io.godwit.qemu.restore.Restore;
import io.godwit.qemu.restore.RestoreFigures;
import io.godwit.qemu.restore.StoredGuest;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.images.ImageSource;
import io.godwit.store.images.StreamImport;
import io.godwit.store.snapshots.SnapshotWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * How long a restored guest stands still in its first second, beside the same guest in a QEMU that has loaded all of
 * its memory before. The guest says a thousand times a second that it lives, and writes 5,000 pages a second all over
 * 64 MiB of its 1 GiB, 600 MiB of which are random.
 */
public final class StallBenchmark {
    private static final SnapshotName NAME = new SnapshotName("one");
    private static final String MEMORY = "1G";
    private static final String LOAD = "fill=600 set=64 rate=5000 random=1 beat=1000";
    private static final long SECOND = 1_000_000_000;

    private final Path directory = Files.createTempDirectory("godwit-bench-");
    private final Series file = new Series("loaded by QEMU: longest stall, first second", "ms");
    private final Series lazy = new Series("restored lazily: longest stall, first second", "ms");
    private final Series traced = new Series("restored lazily, with a trace: longest stall", "ms");
    private final Series runs = new Series("  runs", "ms");
    private final Series asked = new Series("  pages asked for", "");
    private int number;

    private StallBenchmark() throws IOException {}

    /** Measures each thing so often, in turn. */
    public static void run(int runs) throws Exception {
        if (!Floor.isBuilt()) {
            System.out.println("The load for QEMU could not be built: gcc is missing.");
            return;
        }
        StallBenchmark benchmark = new StallBenchmark();
        try {
            benchmark.save();
            for (int i = 0; i < runs; i++) {
                benchmark.round();
            }
            for (Series series :
                    new Series[] {benchmark.file, benchmark.lazy, benchmark.traced, benchmark.runs, benchmark.asked}) {
                System.out.println(series);
            }
            System.out.println("asked: at most 10 ms at the median");
        } finally {
            benchmark.delete();
        }
    }

    private Store store() {
        return Store.openOrCreate(directory.resolve("store"));
    }

    private void save() throws Exception {
        try (Host source = Host.softwareQemu(MEMORY, LOAD, false)) {
            source.limit(0);
            source.announceEvents();
            source.migrate("file:" + directory.resolve("plain"));
            JsonNode _ = source.awaitEnd();
        }
        try (ImageSource source = ImageSource.open(directory.resolve("plain"), 0);
                SnapshotWriter writer = store().write(NAME)) {
            var _ = StreamImport.read(source, writer, Map.of());
        }
    }

    private void round() throws Exception {
        Floor.warm();
        try (Host host = Host.softwareQemu(MEMORY, LOAD, true)) {
            long begin = System.nanoTime();
            incoming(host, "file:" + directory.resolve("plain"));
            file.add(stall(host.process().beats(), begin, false));
        }
        boolean _ = Files.deleteIfExists(directory.resolve("store/snapshots/one.trace"));
        lazy.add(restored());
        traced.add(restored());
    }

    private double restored() throws Exception {
        Floor.warm();
        try (Host host = Host.softwareQemu(MEMORY, LOAD, true);
                StoredGuest guest = StoredGuest.open(store(), NAME)) {
            host.capabilities("postcopy-ram", "postcopy-preempt");
            String uri = "unix:" + directory.resolve("u" + ++number);
            incoming(host, uri);
            try (Restore restore = new Restore(guest, Optional.empty(), uri, new Restore.Settings(true, true, 0))) {
                long begin = System.nanoTime();
                RestoreFigures figures = restore.run();
                runs.add(figures.runningNanos() / 1e6);
                asked.add((double) figures.requests());
                double stall = stall(host.process().beats(), begin + figures.runningNanos(), true);
                guest.learnt().ifPresent(trace -> store().keepTrace(NAME, trace));
                return stall;
            }
        }
    }

    private static void incoming(Host host, String uri) {
        JsonNode _ = host.ask("migrate-incoming", Json.object().put("uri", uri));
    }

    /** Waits for the first second, and gives the longest time without a beat. */
    private static double stall(Stamps beats, long running, boolean fromThere) throws InterruptedException {
        while (beats.first() == Long.MAX_VALUE || System.nanoTime() - beats.first() < SECOND) {
            Thread.sleep(20);
        }
        long first = beats.first();
        long gap = beats.longestGap(first, first + SECOND);
        return Math.max(gap, fromThere ? first - running : 0) / 1e6;
    }

    private void delete() throws IOException {
        try (Stream<Path> left = Files.walk(directory)) {
            for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
