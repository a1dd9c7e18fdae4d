// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * What {@code godwit advise} says of guests of random memory, working set, rate and order, and over random bandwidths,
 * beside what becomes of their migration, and what the migration said of itself meanwhile. Every third workload writes
 * more than its wire carries. The workloads come from seeds that no constant of the forecast was chosen by.
 *
 * <p>A migration does not finish if its rest no longer shrinks ({@link RestWatch}) and 10 s have passed since it should
 * have ended by its forecast, or since its first pass if it has none. One of which neither can be said in time is given
 * up and counts for nothing.
 */
public final class ForecastBenchmark {
    private static final long SEED = 0x7468697274796eL;
    private static final long TOO_FAST_SEED = 0x746f6f66617374L;
    private static final int TOO_FAST_EVERY = 3;
    private static final long LOOK_AGAIN_NANOS = 50_000_000;
    private static final double LATE_MILLIS = 10_000;
    private static final double LONGEST_MILLIS = 120_000;
    private static final long LONGEST_NANOS = 2_400_000_000_000L;

    /** What a loopback carries here, for the rest that leaves with the guest stopped. */
    private static final String WIRE = "1500000000";

    private static final String WILL = "will-finish";
    private static final String WILL_NOT = "will-not-finish";
    private static final String UNCERTAIN = "uncertain";

    private final Series timeErrors = new Series("total time off by", "%");
    private final Series downtimeRatios = new Series("downtime off by a factor of", "");
    private final Tally advised = new Tally("advise");
    private final Tally firstWords = new Tally("the running migration's first verdict");
    private final Tally lastWords = new Tally("the running migration's last verdict");
    private final Series toldFinish = new Series("finished: said so itself after", "s");
    private final Series toldNotFinish = new Series("did not finish: said so itself after", "s");
    private int toldWithinSecond;
    private int givenUp;

    private final boolean qemu;

    private ForecastBenchmark(boolean qemu) {
        this.qemu = qemu;
    }

    /** Verdicts by what became of it. */
    private static final class Tally {
        private final String who;
        private int finished;
        private int saidFinished;
        private int wronglyRefused;
        private int stuck;
        private int saidStuck;
        private int wronglyPromised;

        Tally(String who) {
            this.who = who;
        }

        void add(boolean hasFinished, String verdict) {
            if (hasFinished) {
                finished++;
                saidFinished += verdict.equals(WILL) ? 1 : 0;
                wronglyRefused += verdict.equals(WILL_NOT) ? 1 : 0;
            } else {
                stuck++;
                saidStuck += verdict.equals(WILL_NOT) ? 1 : 0;
                wronglyPromised += verdict.equals(WILL) ? 1 : 0;
            }
        }

        @Override
        public String toString() {
            return ("%s: of %d that finished: right %d, wrong 'will not finish' %d, uncertain %d; of %d that did not: "
                            + "right %d, wrong 'will finish' %d, uncertain %d")
                    .formatted(
                            who,
                            finished,
                            saidFinished,
                            wronglyRefused,
                            finished - saidFinished - wronglyRefused,
                            stuck,
                            saidStuck,
                            wronglyPromised,
                            stuck - saidStuck - wronglyPromised);
        }
    }

    /** Compares {@code runs} forecasts with their migrations, Godwit's or QEMU's. */
    public static void run(int runs, boolean qemu) throws Exception {
        ForecastBenchmark benchmark = new ForecastBenchmark(qemu);
        SplittableRandom random = new SplittableRandom(SEED);
        SplittableRandom tooFast = new SplittableRandom(TOO_FAST_SEED);
        System.out.printf("seeds %#x, and %#x for each third, which writes too fast%n", SEED, TOO_FAST_SEED);
        long begin = System.nanoTime();
        for (int i = 0; i < runs; i++) {
            if (System.nanoTime() - begin > LONGEST_NANOS) {
                System.out.printf("time is up after %d of %d workloads%n", i, runs);
                break;
            }
            ForecastWorkload any = ForecastWorkload.next(random);
            ForecastWorkload workload = i % TOO_FAST_EVERY == TOO_FAST_EVERY - 1
                    ? ForecastWorkload.nextTooFast(tooFast, i / TOO_FAST_EVERY % 2 == 1)
                    : any;
            try (Host from = workload.host(qemu, false);
                    Host to = workload.host(qemu, true)) {
                Optional<JsonNode> precopy = advise(from, workload);
                if (precopy.isEmpty()) {
                    return;
                }
                benchmark.compare(workload, precopy.get(), benchmark.move(from, to, workload, precopy.get()));
            }
        }
        benchmark.print();
    }

    /** What is foretold of plain precopy. */
    private static Optional<JsonNode> advise(Host from, ForecastWorkload workload)
            throws IOException, InterruptedException {
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

    /** A verdict that a running migration came to, and after how many seconds. */
    private record Word(String verdict, double afterSeconds) {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%s after %.1f s", verdict, afterSeconds);
        }
    }

    /**
     * A migration.
     *
     * @param end its figures; empty if it did not finish
     * @param stuck whether it is known that it never would have
     * @param seconds how long it was watched
     * @param words what it said of itself, each change of it
     * @param why the reason that it gave last
     * @param rest what was left pass by pass
     */
    private record Move(
            Optional<JsonNode> end, boolean stuck, double seconds, List<Word> words, String why, String rest) {
        String first() {
            return words.stream()
                    .map(Word::verdict)
                    .filter(verdict -> !verdict.equals(UNCERTAIN))
                    .findFirst()
                    .orElse(UNCERTAIN);
        }

        String last() {
            return words.isEmpty() ? UNCERTAIN : words.getLast().verdict;
        }

        /** When it first said so; empty if it never did. */
        Optional<Double> said(String verdict) {
            return words.stream()
                    .filter(word -> word.verdict.equals(verdict))
                    .map(Word::afterSeconds)
                    .findFirst();
        }
    }

    private Move move(Host from, Host to, ForecastWorkload workload, JsonNode foretold) {
        from.limit(workload.bytesPerSecond());
        String uri = qemu ? to.listen() : to.listensAt();
        double firstPassMillis = workload.memoryMib() * 1e3 * (1 << 20) / workload.bytesPerSecond();
        JsonNode total = foretold.path("totalMillis");
        double horizon = Math.max(
                firstPassMillis, total.path("high").asDouble(total.path("best").asDouble(0)));
        RestWatch rest = new RestWatch();
        List<Word> words = new ArrayList<>();
        String why = "";
        long begin = System.nanoTime();
        from.migrate(uri);
        while (true) {
            JsonNode now = from.ask("query-migrate");
            double millis = (System.nanoTime() - begin) / 1e6;
            String verdict = now.path("x-forecast").path("verdict").asString("");
            if (!verdict.isEmpty()
                    && (words.isEmpty() || !words.getLast().verdict.equals(verdict))) {
                words.add(new Word(verdict, now.path("total-time").asDouble(0) / 1e3));
            }
            why = now.path("x-forecast").path("reason").asString(why);
            rest.look(now);
            switch (now.path("status").asString("")) {
                case "completed" -> {
                    return new Move(Optional.of(now), false, millis / 1e3, words, why, rest.toString());
                }
                case "failed", "cancelled" -> throw new IllegalStateException("the migration ended: " + now);
                default -> LockSupport.parkNanos(LOOK_AGAIN_NANOS);
            }
            boolean stuck = millis > horizon + LATE_MILLIS && rest.isStuck();
            if (stuck || millis > Math.max(LONGEST_MILLIS, firstPassMillis + LONGEST_MILLIS / 2)) {
                JsonNode _ = from.ask("migrate_cancel");
                return new Move(Optional.empty(), stuck, millis / 1e3, words, why, rest.toString());
            }
        }
    }

    private void compare(ForecastWorkload workload, JsonNode foretold, Move move) {
        String verdict = foretold.path("verdict").asString("");
        double time = foretold.path("totalMillis").path("best").asDouble(Double.NaN);
        double downtime = foretold.path("downtimeMillis").path("best").asDouble(Double.NaN);
        String told = String.format(Locale.ROOT, "%s: %s, %.0f ms, down %.0f ms; ", workload, verdict, time, downtime);
        if (move.end.isEmpty() && !move.stuck) {
            givenUp++;
            printUnfinished(told, "given up, undecided", move);
            return;
        }
        boolean finished = move.end.isPresent();
        advised.add(finished, verdict);
        firstWords.add(finished, move.first());
        lastWords.add(finished, move.last());
        Optional<Double> said = move.said(finished ? WILL : WILL_NOT);
        said.ifPresent((finished ? toldFinish : toldNotFinish)::add);
        toldWithinSecond += !finished && said.orElse(Double.MAX_VALUE) <= 1 ? 1 : 0;
        if (!finished) {
            printUnfinished(told, "did not finish", move);
            return;
        }
        double took = move.end.get().path("total-time").asDouble();
        double stood = Math.max(1, move.end.get().path("downtime").asDouble());
        if (!Double.isNaN(time)) {
            timeErrors.add(100 * Math.abs(time - took) / took);
            downtimeRatios.add(Math.max(downtime / stood, stood / downtime));
        }
        System.out.printf(
                Locale.ROOT, "%stook %.0f ms, stood still %.0f ms; itself %s%n", told, took, stood, move.words);
    }

    private static void printUnfinished(String told, String what, Move move) {
        System.out.printf(
                Locale.ROOT,
                "%s%s, watched for %.0f s (%s); itself %s: %s%n",
                told,
                what,
                move.seconds,
                move.rest,
                move.words,
                move.why);
    }

    private void print() {
        for (Series errors : List.of(timeErrors, downtimeRatios)) {
            System.out.printf(Locale.ROOT, "%s, 80th percentile %.2f%n", errors, errors.quantile(0.8));
        }
        System.out.println(advised + "; given up undecided: " + givenUp);
        if (!qemu) {
            System.out.println(firstWords + "\n" + lastWords + "\n" + toldFinish + "\n" + toldNotFinish);
            System.out.printf(
                    "of %d that did not finish, %d said so within their first second%n",
                    lastWords.stuck, toldWithinSecond);
        }
        System.out.println(
                "to be reached: 80th percentile of the time within a quarter, downtime within 2.0, no wrong 'will "
                        + "finish'");
    }
}
