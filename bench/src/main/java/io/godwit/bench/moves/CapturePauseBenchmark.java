// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * How long a guest of an unmodified QEMU stands still when the command captures it, and when QEMU sends it to another
 * QEMU: a guest that is halted, and one that writes. By the times in QEMU's events.
 */
public final class CapturePauseBenchmark {
    private static final int MEBIBYTES = 1024;
    private static final int RANDOM_MEBIBYTES = 700;
    private static final int PAGES_A_SECOND = 2000;
    private static final int DEFAULT_LIMIT = 300;
    private static final int SHORT_LIMIT = 5;

    private final Path directory = Files.createTempDirectory("godwit-bench-");
    private int number;

    private CapturePauseBenchmark() throws IOException {}

    /** Measures each thing so often, in turn. */
    public static void run(int runs) throws Exception {
        CapturePauseBenchmark benchmark = new CapturePauseBenchmark();
        try {
            benchmark.measure("halted guest", 0, runs);
            benchmark.measure(PAGES_A_SECOND + " pages/s in 64 MiB", PAGES_A_SECOND, runs);
        } finally {
            CaptureBenchmark.delete(benchmark.directory);
        }
    }

    private void measure(String guest, int pagesASecond, int runs) throws Exception {
        Series captured = new Series(guest + ": godwit capture", "ms");
        Series moved = new Series("  QEMU to QEMU, downtime-limit " + DEFAULT_LIMIT + " ms", "ms");
        Series movedShortly = new Series("  QEMU to QEMU, downtime-limit " + SHORT_LIMIT + " ms", "ms");
        List<String> load = List.of(
                "-kernel",
                Floor.PROGRAM.resolveSibling("load.elf").toString(),
                "-append",
                "fill=" + RANDOM_MEBIBYTES + " set=64 rate=" + pagesASecond);
        try (QemuOfBytes qemu = QemuOfBytes.start(directory, "source" + ++number, MEBIBYTES, load)) {
            qemu.awaitFilled(RANDOM_MEBIBYTES);
            for (int i = 0; i < runs; i++) {
                captured.add(captured(qemu));
                moved.add(moved(qemu, DEFAULT_LIMIT));
                movedShortly.add(moved(qemu, SHORT_LIMIT));
            }
        }
        List.of(captured, moved, movedShortly).forEach(System.out::println);
    }

    private double captured(QemuOfBytes qemu) throws Exception {
        Floor.warm(2 * MEBIBYTES);
        Path store = directory.resolve("store");
        JsonNode report = CaptureBenchmark.command(qemu, store);
        CaptureBenchmark.delete(store);
        return report.path("pauseMicros").asLong() / 1e3;
    }

    private double moved(QemuOfBytes qemu, int limitMillis) throws Exception {
        Floor.warm(2 * MEBIBYTES);
        String name = "other" + ++number;
        String uri = "unix:" + directory.resolve(name + ".uri");
        qemu.set(Json.object().put("downtime-limit", limitMillis));
        try (QemuOfBytes other = QemuOfBytes.start(directory, name, MEBIBYTES, List.of("-incoming", uri))) {
            return qemu.pauseOnTheWayTo(other, uri);
        } finally {
            qemu.set(Json.object().put("downtime-limit", DEFAULT_LIMIT));
        }
    }
}
