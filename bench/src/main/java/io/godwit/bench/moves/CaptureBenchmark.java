// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import io.godwit.qemu.capture.Afterwards;
import io.godwit.qemu.capture.Capture;
import io.godwit.qemu.capture.CapturePlan;
import io.godwit.qemu.capture.CaptureReport;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.pages.PageId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * What a capture of an unmodified QEMU costs, beside what QEMU sends to {@code cat} and to a reader that discards;
 * beside a program in C that hashes and writes what comes, and SHA-256 of the same pages on one thread.
 */
public final class CaptureBenchmark {
    private static final int MEBIBYTES = 1024;
    private static final int RANDOM_MEBIBYTES = 700;
    private static final int CHANGED_EACH = 20;

    private final Path directory = Files.createTempDirectory("godwit-bench-");
    private final Series exec = new Series("QEMU to exec:cat>/dev/null", "MB/s");
    private final Series reader = new Series("QEMU to a reader that discards, tcp", "MB/s");
    private final Series floor = new Series("QEMU to C that hashes and writes", "MB/s");
    private final Series hash = new Series("SHA-256 of each page, one thread", "MB/s");
    private final Series command = new Series("godwit capture, the command", "MB/s");
    private final Series capture = new Series("the same in a process that has captured before", "MB/s");
    private final Series cpu = new Series("its CPU seconds", "s/GiB");
    private final Series pause = new Series("the guest's pause, captured", "ms");
    private final Series again = new Series("5 % of the pages changed: bytes of the second", "%");

    private CaptureBenchmark() throws IOException {}

    /** Measures each thing so often, in turn. */
    public static void run(int runs) throws Exception {
        CaptureBenchmark benchmark = new CaptureBenchmark();
        try (QemuOfBytes qemu = QemuOfBytes.start(benchmark.directory, "source", MEBIBYTES, List.of())) {
            qemu.fill(RANDOM_MEBIBYTES, 1);
            for (int i = 0; i < runs; i++) {
                benchmark.round(qemu, i);
            }
            benchmark.print();
        } finally {
            delete(benchmark.directory);
        }
    }

    private void round(QemuOfBytes qemu, int round) throws Exception {
        Floor.warm(2 * MEBIBYTES);
        exec.add(qemu.migrate("exec:cat>/dev/null"));
        reader.add(qemu.migrateToReader());
        hash.add(hashRate(qemu));
        if (CaptureFloor.isBuilt()) {
            Floor.warm(2 * MEBIBYTES);
            floor.add(CaptureFloor.take(qemu, directory.resolve("floor")));
        }
        Floor.warm(2 * MEBIBYTES);
        command.add(commandRate(qemu));
        Floor.warm(2 * MEBIBYTES);
        Path store = directory.resolve("store");
        double before = cpuSeconds();
        CaptureReport first = capture(qemu, store, "first");
        cpu.add((cpuSeconds() - before) * (1 << 30) / first.wireBytes());
        capture.add(rate(first.wireBytes(), first.received().toMillis()));
        pause.add(first.pause().orElseThrow().toNanos() / 1e6);
        qemu.change(CHANGED_EACH, round + 2);
        CaptureReport second = capture(qemu, store, "second");
        again.add(100.0
                * second.manifest().counts().newBytes()
                / first.manifest().counts().newBytes());
        delete(store);
    }

    private CaptureReport capture(QemuOfBytes qemu, Path store, String name) {
        CapturePlan plan = new CapturePlan(
                qemu.address(),
                "tcp:127.0.0.1:0",
                Afterwards.KEEP_RUNNING,
                Optional.empty(),
                Duration.ofMinutes(1),
                OptionalLong.empty(),
                OptionalLong.empty());
        SnapshotName snapshot = new SnapshotName(name);
        return new Capture(plan, snapshot, () -> Store.openOrCreate(store).write(snapshot), (_, _, _) -> {}).run();
    }

    private double commandRate(QemuOfBytes qemu) throws Exception {
        Path store = directory.resolve("command");
        JsonNode report = command(qemu, store);
        delete(store);
        return rate(
                report.path("wireBytes").asLong(), report.path("receivedMillis").asLong());
    }

    /** Captures by the command, into a new store; its report. */
    static JsonNode command(QemuOfBytes qemu, Path store) throws Exception {
        Process process = new ProcessBuilder(
                        System.getProperty("godwit.launcher", "./godwit"),
                        "capture",
                        "--json",
                        "--qmp",
                        qemu.address().toString(),
                        store + "/one")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        byte[] out = process.getInputStream().readAllBytes();
        if (process.waitFor() != 0) {
            throw new IOException("godwit capture ended with status " + process.exitValue());
        }
        return Json.parse(out);
    }

    private static double hashRate(QemuOfBytes qemu) throws IOException {
        byte[] pages = qemu.read(0, RANDOM_MEBIBYTES << 20);
        PageId hasher = new PageId();
        byte[] id = new byte[PageId.BYTES];
        long begin = System.nanoTime();
        for (int at = 0; at < pages.length; at += PageId.PAGE_BYTES) {
            hasher.of(pages, at, id, 0);
        }
        return pages.length * 1e3 / (System.nanoTime() - begin);
    }

    private static double rate(long bytes, long millis) {
        return bytes / 1e3 / Math.max(1, millis);
    }

    private static double cpuSeconds() throws IOException {
        String[] fields = Files.readString(Path.of("/proc/self/stat"))
                .replaceAll(".*\\) ", "")
                .split(" ", -1);
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
    }

    private void print() {
        System.out.printf(
                Locale.ROOT, "%d MiB of memory, %d MiB of it random, the rest zeros%n", MEBIBYTES, RANDOM_MEBIBYTES);
        for (Series series : List.of(exec, reader, floor, hash, command, capture, cpu, pause, again)) {
            System.out.println(series);
        }
        System.out.printf(
                Locale.ROOT,
                "captured at %.2f times the speed of exec:cat>/dev/null (asked: 0.8), by the command at %.2f, by C at"
                        + " %.2f; at %.2f and %.2f times the speed of C%n",
                capture.median() / exec.median(),
                command.median() / exec.median(),
                floor.median() / exec.median(),
                capture.median() / floor.median(),
                command.median() / floor.median());
    }

    static void delete(Path directory) throws IOException {
        try (Stream<Path> left = Files.walk(directory)) {
            for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
