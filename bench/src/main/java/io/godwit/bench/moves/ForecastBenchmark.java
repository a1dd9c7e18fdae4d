// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * What {@code godwit advise} says of guests of random memory, working set, rate and order, and over random bandwidths, beside what
 * becomes of their migration, and what the migration said of itself meanwhile. The workloads come from a seed that no constant of the forecast was
 * chosen by. Whatever they are, 30 of them take less than 25 minutes: who has not arrived in time is given up.
 */
public final class ForecastBenchmark {
    private static final long SEED = 0x7468697274796eL;
    private static final long LOOK_AGAIN_NANOS = 50_000_000;
    private static final double SHORTEST_CAP_MILLIS = 15_000;
    private static final double LONGEST_CAP_MILLIS = 40_000;
    private static final long LONGEST_NANOS = 1_440_000_000_000L;

    /** What a loopback carries here, for the rest that leaves with the guest stopped. */
    private static final String WIRE = "1500000000";

    private final List<Double> timeErrors = new ArrayList<>();
    private final List<Double> downtimeRatios = new ArrayList<>();
    private int wrongPromises;
    private int wrongRefusals;
    private int undecided;
    private int cutOff;
    private int wrongOfRunning;
    private final List<Double> runningSeconds = new ArrayList<>();

    private ForecastBenchmark() {}

    private record Workload(int memoryMib, int setMib, int pagesPerSecond, boolean random, long bytesPerSecond) {
        static Workload next(SplittableRandom random) {
            int memory = 128 << random.nextInt(3);
            int set = random.nextInt(8, memory - memory / 8);
            // Both are spread over their orders of magnitude.
            int rate = (int) Math.exp(random.nextDouble(Math.log(500), Math.log(80_000)));
            long bandwidth = (long) Math.exp(random.nextDouble(Math.log(40e6), Math.log(400e6)));
            return new Workload(memory, set, rate, random.nextBoolean(), bandwidth);
        }

        Host host(boolean qemu, boolean incoming) throws Exception {
            if (qemu) {
                return Host.qemu("" + memoryMib, "set=" + setMib + " rate=" + pagesPerSecond, incoming);
            }
            List<String> words = new ArrayList<>(List.of("--guest", "auto", "--memory", memoryMib + "M"));
            words.addAll(List.of("--working-set", setMib + "M", "--dirty-rate", "" + pagesPerSecond));
            words.addAll(List.of("--write-order", random ? "random" : "sweep"));
            if (incoming) {
                words.addAll(List.of("--incoming", "tcp:127.0.0.1:0"));
            }
            return Host.godwit(words);
        }

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%4d MiB, set %4d MiB, %6d pages/s %s, %3.0f MB/s",
                    memoryMib,
                    setMib,
                    pagesPerSecond,
                    random ? "random" : "sweep ",
                    bytesPerSecond / 1e6);
        }
    }

    /** Compares {@code runs} forecasts with their migrations, Godwit's or QEMU's. */
    public static void run(int runs, boolean qemu) throws Exception {
        ForecastBenchmark benchmark = new ForecastBenchmark();
        SplittableRandom random = new SplittableRandom(SEED);
        System.out.printf("seed %#x%n", SEED);
        long begin = System.nanoTime();
        for (int i = 0; i < runs; i++) {
            if (System.nanoTime() - begin > LONGEST_NANOS) {
                System.out.printf("time is up after %d of %d workloads%n", i, runs);
                break;
            }
            Workload workload = Workload.next(random);
            try (Host from = workload.host(qemu, false);
                    Host to = workload.host(qemu, true)) {
                Optional<JsonNode> precopy = advise(from, workload);
                if (precopy.isEmpty()) {
                    return;
                }
                benchmark.compare(workload, precopy.get(), benchmark.move(from, to, qemu, workload, precopy.get()));
            }
        }
        benchmark.print();
    }

    /** What is foretold of plain precopy. */
    private static Optional<JsonNode> advise(Host from, Workload workload) throws IOException, InterruptedException {
        List<String> command = List.of(
                System.getProperty("godwit.launcher", "./godwit"),
                "advise",
                "--qmp",
                "unix:" + from.secondSocket(),
                "--bandwidth",
                Long.toString(workload.bytesPerSecond()),
                "--wire",
                WIRE,
                "--json");
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            System.out.println("could not run: " + text.strip());
            return Optional.empty();
        }
        return Optional.of(Json.parse(text.lines().reduce("", (_, line) -> line))
                .path("outcomes")
                .path(0));
    }

    /**
     * A migration.
     *
     * @param end its figures; empty if it has not ended in time
     * @param capMillis how long that was
     * @param running the first verdict of its own that was one; empty if there was none
     * @param afterSeconds when that came
     */
    private record Move(Optional<JsonNode> end, double capMillis, String running, double afterSeconds) {}

    /** Migrates. */
    private Move move(Host from, Host to, boolean qemu, Workload workload, JsonNode foretold) {
        from.limit(workload.bytesPerSecond());
        String uri = qemu ? to.listen() : to.listensAt();
        double patience = Math.clamp(
                2 * foretold.path("totalMillis").path("best").asDouble(0), SHORTEST_CAP_MILLIS, LONGEST_CAP_MILLIS);
        String running = "";
        double after = 0;
        long deadline = System.nanoTime() + (long) (patience * 1e6);
        from.migrate(uri);
        while (System.nanoTime() < deadline) {
            JsonNode now = from.ask("query-migrate");
            String verdict = now.path("x-forecast").path("verdict").asString("uncertain");
            if (running.isEmpty() && !verdict.equals("uncertain")) {
                running = verdict;
                after = now.path("total-time").asDouble(0) / 1e3;
            }
            switch (now.path("status").asString("")) {
                case "completed" -> {
                    return new Move(Optional.of(now), patience, running, after);
                }
                case "failed", "cancelled" -> throw new IllegalStateException("the migration ended: " + now);
                default -> LockSupport.parkNanos(LOOK_AGAIN_NANOS);
            }
        }
        JsonNode _ = from.ask("migrate_cancel");
        return new Move(Optional.empty(), patience, running, after);
    }

    private void compare(Workload workload, JsonNode foretold, Move move) {
        Optional<JsonNode> actual = move.end();
        if (!move.running().isEmpty()) {
            runningSeconds.add(move.afterSeconds());
            wrongOfRunning += move.running().equals(actual.isPresent() ? "will-not-finish" : "will-finish") ? 1 : 0;
        }
        String itself = move.running().isEmpty()
                ? "no verdict of its own"
                : String.format(Locale.ROOT, "itself %s after %.1f s", move.running(), move.afterSeconds());
        String verdict = foretold.path("verdict").asString("");
        double time = foretold.path("totalMillis").path("best").asDouble(Double.NaN);
        double downtime = foretold.path("downtimeMillis").path("best").asDouble(Double.NaN);
        if (verdict.equals("uncertain")) {
            undecided++;
        }
        if (actual.isEmpty()) {
            // One that was promised for later than anybody waited has broken no promise.
            boolean inTime = foretold.path("totalMillis").path("high").asDouble(Double.MAX_VALUE) < move.capMillis();
            wrongPromises += verdict.equals("will-finish") && inTime ? 1 : 0;
            cutOff += verdict.equals("will-finish") && !inTime ? 1 : 0;
            System.out.printf(
                    Locale.ROOT,
                    "%s: %s, %.0f ms; did not finish within %.0f s; %s%n",
                    workload,
                    verdict,
                    time,
                    move.capMillis() / 1e3,
                    itself);
            return;
        }
        wrongRefusals += verdict.equals("will-not-finish") ? 1 : 0;
        double took = actual.get().path("total-time").asDouble();
        double stood = Math.max(1, actual.get().path("downtime").asDouble());
        if (!Double.isNaN(time)) {
            timeErrors.add(Math.abs(time - took) / took);
            downtimeRatios.add(Math.max(downtime / stood, stood / downtime));
        }
        System.out.printf(
                Locale.ROOT,
                "%s: %s, %.0f ms, down %.0f ms; took %.0f ms, stood still %.0f ms; %s%n",
                workload,
                verdict,
                time,
                downtime,
                took,
                stood,
                itself);
    }

    private void print() {
        System.out.printf(
                Locale.ROOT,
                "total time off by: median %.0f %%, 80th percentile %.0f %%, most %.0f %% (n %d)%n",
                100 * quantile(timeErrors, 0.5),
                100 * quantile(timeErrors, 0.8),
                100 * quantile(timeErrors, 1),
                timeErrors.size());
        System.out.printf(
                Locale.ROOT,
                "downtime off by a factor of: median %.1f, 80th percentile %.1f, most %.1f%n",
                quantile(downtimeRatios, 0.5),
                quantile(downtimeRatios, 0.8),
                quantile(downtimeRatios, 1));
        System.out.printf(
                "wrong 'will finish': %d; wrong 'will not finish': %d; uncertain: %d; given up before the promised end: %d%n",
                wrongPromises, wrongRefusals, undecided, cutOff);
        System.out.printf(
                Locale.ROOT,
                "of running migrations: %d verdicts, wrong %d, after %.1f s at the median, %.1f s at most%n",
                runningSeconds.size(),
                wrongOfRunning,
                quantile(runningSeconds, 0.5),
                quantile(runningSeconds, 1));
        System.out.println(
                "to be reached: 80th percentile of the time within a quarter, downtime within 2.0, no wrong 'will finish'");
    }

    private static double quantile(List<Double> values, double share) {
        if (values.isEmpty()) {
            return Double.NaN;
        }
        List<Double> sorted = new ArrayList<>(values);
        Collections.sort(sorted);
        return sorted.get(Math.max(0, (int) Math.ceil(share * sorted.size()) - 1));
    }
}
