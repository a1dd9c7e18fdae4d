// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import io.godwit.qemu.restore.Destination;
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
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * How soon a stored guest runs in a plain QEMU, and has all of its memory, beside QEMU's own loads of what it wrote
 * itself. QEMU's time begins with {@code migrate-incoming}, Godwit's before it connects; neither has the start of a
 * process in it. The guest waits in its firmware, most of its memory has random bytes, and everything is in the page
 * cache.
 */
public final class RestoreBenchmark {
    private static final SnapshotName NAME = new SnapshotName("one");
    private static final int CLONES = 8;

    private final Path directory = Files.createTempDirectory("godwit-bench-");
    private final int mebibytes;
    private final Series file;
    private final Series mapped;
    private final Series floorRuns;
    private final Series floorWhole;
    private final Series warmRuns;
    private final Series warmWhole;
    private final Series commandRuns;
    private final Series commandWhole;
    private final Series commandStart;
    private int number;

    private RestoreBenchmark(int mebibytes) throws IOException {
        this.mebibytes = mebibytes;
        file = new Series("QEMU loads its file: runs, whole", "ms");
        mapped = new Series("QEMU loads mapped-ram with multifd: runs, whole", "ms");
        floorRuns = new Series("a C program that hands it over, by postcopy: runs", "ms");
        floorWhole = new Series("  whole", "ms");
        warmRuns = new Series("godwit, a process that has restored before: runs", "ms");
        warmWhole = new Series("  whole", "ms");
        commandRuns = new Series("godwit restore, the command: runs", "ms");
        commandWhole = new Series("  whole", "ms");
        commandStart = new Series("  runs, from the start of the command", "ms");
    }

    /** Measures each thing so often, in turn, for three sizes. */
    public static void run(int runs) throws Exception {
        for (int mebibytes : List.of(64, 1024, 4096)) {
            RestoreBenchmark benchmark = new RestoreBenchmark(mebibytes);
            try {
                benchmark.save();
                for (int i = 0; i < (mebibytes == 1024 ? runs : Math.min(runs, 5)); i++) {
                    benchmark.round();
                }
                benchmark.print();
            } finally {
                benchmark.delete();
            }
        }
    }

    private void save() throws Exception {
        try (QemuOfBytes qemu = QemuOfBytes.start(directory, "source", mebibytes, List.of())) {
            qemu.fill(Math.min(mebibytes - 32, mebibytes * 3 / 4), 1);
            qemu.save(directory.resolve("plain"));
            qemu.save(directory.resolve("mapped"), "mapped-ram", "multifd");
        }
        try (ImageSource source = ImageSource.open(directory.resolve("plain"), 0);
                SnapshotWriter writer = store().write(NAME)) {
            var _ = StreamImport.read(source, writer, Map.of());
        }
    }

    private Store store() {
        return Store.openOrCreate(directory.resolve("store"));
    }

    private QemuOfBytes awaiting() throws Exception {
        return QemuOfBytes.awaiting(directory, "d" + ++number, mebibytes);
    }

    private void round() throws Exception {
        Floor.warm(mebibytes);
        try (QemuOfBytes qemu = awaiting()) {
            file.add(qemu.load(directory.resolve("plain")));
        }
        try (QemuOfBytes qemu = awaiting()) {
            mapped.add(qemu.load(directory.resolve("mapped"), "mapped-ram", "multifd"));
        }
        if (Floor.isBuilt()) {
            try (QemuOfBytes qemu = awaiting()) {
                Path socket = directory.resolve("f" + number);
                qemu.listen(socket, "postcopy-ram");
                Map<String, Double> floor = Floor.values(List.of(
                        Floor.PROGRAM.resolveSibling("lazyfloor").toString(),
                        directory.resolve("plain").toString(),
                        socket.toString()));
                floorRuns.add(floor.getOrDefault("runs_ms", Double.NaN));
                floorWhole.add(floor.getOrDefault("whole_ms", Double.NaN));
            }
        }
        try (QemuOfBytes qemu = awaiting();
                StoredGuest guest = StoredGuest.open(store(), NAME);
                Destination destination = Destination.at(qemu.address());
                Restore restore =
                        new Restore(guest, Optional.of(destination), uri(), new Restore.Settings(true, true, 0))) {
            RestoreFigures figures = restore.run();
            warmRuns.add(figures.runningNanos() / 1e6);
            warmWhole.add(figures.completeNanos() / 1e6);
        }
        try (QemuOfBytes qemu = awaiting()) {
            long begin = System.nanoTime();
            JsonNode told = godwit(
                    List.of("restore", "--json", "--qmp", qemu.address().toString(), directory + "/store/one", uri()));
            double all = (System.nanoTime() - begin) / 1e6;
            commandRuns.add(told.path("runningMillis").asDouble());
            commandWhole.add(told.path("completeMillis").asDouble());
            // The end of the process is in it, so it is a little too much.
            commandStart.add(all - commandWhole.last() + commandRuns.last());
        }
    }

    private String uri() {
        return "unix:" + directory.resolve("u" + number);
    }

    private static JsonNode godwit(List<String> words) throws Exception {
        List<String> command = new ArrayList<>(List.of(System.getProperty("godwit.launcher", "./godwit")));
        command.addAll(words);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        byte[] out = process.getInputStream().readAllBytes();
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", words) + " ended with status " + process.exitValue());
        }
        return Json.parse(out);
    }

    private void print() {
        System.out.printf(Locale.ROOT, "%d MiB of memory, three quarters of it random%n", mebibytes);
        for (Series series : List.of(
                file, mapped, floorRuns, floorWhole, warmRuns, warmWhole, commandRuns, commandWhole, commandStart)) {
            System.out.println(series);
        }
        System.out.printf(
                Locale.ROOT,
                "runs %.1f times earlier than by the file (asked: 20), %.1f than by mapped-ram (asked: 10); the command"
                        + " %.1f and %.1f%nwhole in %.2f times the file's load (asked: 1.3); the command %.2f; the C"
                        + " program %.2f%nof the C program's time: runs %.2f, whole %.2f; the command %.2f and %.2f%n",
                file.median() / warmRuns.median(),
                mapped.median() / warmRuns.median(),
                file.median() / commandRuns.median(),
                mapped.median() / commandRuns.median(),
                warmWhole.median() / file.median(),
                commandWhole.median() / file.median(),
                floorWhole.median() / file.median(),
                warmRuns.median() / floorRuns.median(),
                warmWhole.median() / floorWhole.median(),
                commandRuns.median() / floorRuns.median(),
                commandWhole.median() / floorWhole.median());
    }

    /** Eight at once, beside QEMU's load of one. */
    public static void clones(int runs) throws Exception {
        RestoreBenchmark benchmark = new RestoreBenchmark(512);
        Series last = new Series(CLONES + " clones: the last one runs", "ms");
        try {
            benchmark.save();
            for (int i = 0; i < runs; i++) {
                try (QemuOfBytes qemu = benchmark.awaiting()) {
                    benchmark.file.add(qemu.load(benchmark.directory.resolve("plain")));
                }
                List<String> words = new ArrayList<>(List.of(
                        "clone", "--json", "--detach", "-n", "" + CLONES, benchmark.directory + "/store/one", "--"));
                words.addAll(QemuOfBytes.command(512, "memory-backend-ram,id=ram,size=512M"));
                JsonNode told = godwit(words);
                double latest = 0;
                for (JsonNode clone : told.path("clones")) {
                    latest = Math.max(latest, clone.path("runningMillis").asDouble());
                    ProcessHandle.of(clone.path("pid").asLong()).ifPresent(ProcessHandle::destroyForcibly);
                }
                last.add(latest);
                System.out.println(
                        "read from the store: " + told.path("readBytes").asLong() / 1_000_000 + " MB");
            }
            System.out.println(benchmark.file);
            System.out.println(last);
        } finally {
            benchmark.delete();
        }
    }

    private void delete() throws IOException {
        try (Stream<Path> left = Files.walk(directory)) {
            for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
