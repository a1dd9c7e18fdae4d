// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * How long the primary's guest stands still for a checkpoint of some 2,000 dirty pages, beside a program in C that
 * sends the same pages and 20 KiB once and waits for one byte. They take turns, so that both meet the same machine.
 */
public final class CheckpointBenchmark {
    private static final Path FLOOR = Floor.PROGRAM.resolveSibling("checkpointfloor");
    private static final long SECOND = 1_000_000_000L;
    private static final int PAGES = 2_000;
    private static final int INTERVAL_MILLIS = 100;

    private CheckpointBenchmark() {}

    /** Measures so many seconds of protection, in {@code rounds} rounds. */
    public static void run(int rounds, int secondsEach) throws Exception {
        for (boolean periodic : List.of(false, true)) {
            for (int round = 0; round < rounds; round++) {
                round(secondsEach, periodic);
            }
        }
    }

    private static void round(int seconds, boolean periodic) throws Exception {
        // Each page of the set is written some times between two checkpoints.
        List<String> guest = List.of(
                "--guest",
                "kvm",
                "--memory",
                "256M",
                "--fill",
                "random",
                "--working-set",
                PAGES * 4 + "K",
                "--dirty-rate",
                Integer.toString(PAGES * 1000 / INTERVAL_MILLIS * 2));
        try (Host primary = Host.godwit(guest);
                Host secondary = Host.godwit(Host.waitingFor(guest))) {
            primary.capabilities("events", "x-colo");
            secondary.capabilities("x-colo");
            primary.limit(0);
            primary.parameter("x-checkpoint-delay", INTERVAL_MILLIS);
            if (periodic) {
                JsonNode _ = primary.ask("migrate-set-parameters", Json.object().put("x-colo-periodic", true));
            }
            primary.migrate(secondary.listen());
            var _ = primary.awaitEvent("colo");
            LockSupport.parkNanos(seconds * SECOND);
            JsonNode colo = primary.ask("query-migrate").path("x-colo");
            double[] floor = floor(Math.max(20, seconds * 1000 / INTERVAL_MILLIS / 2));
            print(periodic, colo, floor);
        }
    }

    /** Mean and p99 in milliseconds; zeros where there is no floor. */
    private static double[] floor(int times) throws IOException, InterruptedException {
        if (!Files.isExecutable(FLOOR)) {
            return new double[2];
        }
        Process process = new ProcessBuilder(
                        FLOOR.toString(), "-p", "" + PAGES, "-n", "" + times, "-i", "" + INTERVAL_MILLIS)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader out = process.inputReader()) {
            Matcher line =
                    Pattern.compile("mean_us=([0-9.]+) .*p99_us=([0-9.]+)").matcher(out.readLine());
            int _ = process.waitFor();
            if (!line.find()) {
                throw new IOException("the floor said nothing that can be read");
            }
            return new double[] {Double.parseDouble(line.group(1)) / 1e3, Double.parseDouble(line.group(2)) / 1e3};
        }
    }

    private static void print(boolean periodic, JsonNode colo, double[] floor) {
        double mean = colo.path("pause-nanos").path("mean").asLong() / 1e6;
        double p99 = colo.path("pause-nanos").path("p99").asLong() / 1e6;
        long count = Math.max(1, colo.path("checkpoints").asLong());
        System.out.printf(
                Locale.ROOT,
                "%s: %d checkpoints of %d pages: pause mean %.2f p50 %.2f p99 %.2f max %.2f ms (stop %.2f, send %.2f, "
                        + "answer %.2f), floor in C mean %.2f p99 %.2f ms, ratio mean %.2f p99 %.2f%n",
                periodic ? "periodic" : "both guests run",
                count,
                colo.path("pages").asLong() / count,
                mean,
                colo.path("pause-nanos").path("p50").asLong() / 1e6,
                p99,
                colo.path("pause-nanos").path("max").asLong() / 1e6,
                colo.path("stop-nanos").path("mean").asLong() / 1e6,
                colo.path("send-nanos").path("mean").asLong() / 1e6,
                colo.path("answer-nanos").path("mean").asLong() / 1e6,
                floor[0],
                floor[1],
                mean / floor[0],
                p99 / floor[1]);
    }
}
