// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.bench.moves.PostcopyMove.Kind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * What a missing page costs a KVM guest that writes pages all over its memory, while the background push goes at full
 * speed and the collector runs on both sides, in turn with the floor in C. The push brings all of a guest's memory
 * before the guest has asked for 100,000 pages, so guests are moved until there have been that many faults, and their
 * histograms added up.
 *
 * <p>Two guests: one that touches {@link #PACE} pages a second and sleeps in between, as the floor's does nothing but
 * wait for pages; and one that takes all of a processor while it waits for none, beside which pushing and answering
 * must share what is left.
 *
 * <p>The collector is provoked by a young generation of a megabyte and by questions for statistics, every {@link
 * #ASK_NANOS}.
 */
public final class FaultBenchmark {
    private static final int FAULTS = 100_000;
    private static final int MAXIMUM_MOVES = 40;
    private static final int MEBIBYTES = 2048;
    private static final int PACE = 20_000;
    private static final int BUSY_SHARE = 5;
    private static final long ASK_NANOS = 50_000_000;
    private static final String SMALL_HEAP = "-Xmn1m -Xlog:gc,safepoint:file=%s:timenanos";
    private static final List<String> PARTS = List.of("event", "request", "wire", "place");

    private final String name;
    private final int pagesPerSecond;
    private final int wanted;
    private final Buckets whole = new Buckets();
    private final Buckets touches = new Buckets();
    private final Pauses pauses = new Pauses();

    private FaultBenchmark(String name, int pagesPerSecond, int wanted) {
        this.name = name;
        this.pagesPerSecond = pagesPerSecond;
        this.wanted = wanted;
    }

    /** Measures; {@code runs} is how often the floor runs. */
    public static void run(int runs, boolean quick) throws Exception {
        if (!FaultFloor.isBuilt()) {
            System.out.println("could not run: the floor is not built; it needs a C compiler");
            return;
        }
        int faults = quick ? FAULTS / 10 : FAULTS;
        FaultFloor idle = FaultFloor.middle(runs, faults);
        FaultFloor pushing = FaultFloor.middle(runs, faults, "-p");
        System.out.println(
                "floor, push idle, touch to continue:          " + idle.touched() + ", above 5 ms: " + idle.late());
        System.out.println("floor, push idle, event to placed:            " + idle.handled());
        System.out.println("floor, push at full speed, touch to continue: " + pushing.touched() + ", above 5 ms: "
                + pushing.late());
        System.out.println("floor, push at full speed, event to placed:   " + pushing.handled());
        List<FaultBenchmark> guests = List.of(
                new FaultBenchmark("a guest of " + PACE + " touches a second", PACE, faults),
                new FaultBenchmark("a guest that never sleeps", 0, faults / BUSY_SHARE));
        for (FaultBenchmark guest : guests) {
            guest.moveAll();
            guest.print(idle, pushing);
        }
    }

    private void moveAll() throws Exception {
        System.out.println();
        System.out.println(name + ":");
        for (int move = 0; move < MAXIMUM_MOVES && whole.count() < wanted; move++) {
            move();
        }
    }

    private void move() throws Exception {
        List<String> guest =
                new ArrayList<>(List.of("--guest", "kvm", "--memory", MEBIBYTES + "M", "--fill", "random"));
        guest.addAll(List.of("--program", "stepper", "--write-order", "random"));
        guest.addAll(List.of("--dirty-rate", Integer.toString(pagesPerSecond)));
        Path logs = Files.createTempDirectory("godwit-bench-gc-");
        Path fromLog = logs.resolve("source.log");
        Path toLog = logs.resolve("destination.log");
        try (Host from = Host.godwit(guest, SMALL_HEAP.formatted(fromLog));
                Host to = Host.godwit(Host.waitingFor(guest), SMALL_HEAP.formatted(toLog));
                WarmMemory _ = PostcopyMove.begin(Kind.GODWIT_PREEMPT, from, to, MEBIBYTES)) {
            long begin = System.nanoTime();
            while (!isOver(from)) {
                JsonNode _ = from.ask("x-godwit-statistics");
                JsonNode _ = to.ask("x-godwit-statistics");
                LockSupport.parkNanos(ASK_NANOS);
            }
            long end = System.nanoTime();
            PostcopyMove move = PostcopyMove.end(from, to);
            pauses.add(fromLog, begin, end);
            pauses.add(toLog, begin, end);
            Buckets touched = touches(to);
            touched.subtract(touches(from));
            take(move, to.ask("x-godwit-statistics").path("postcopy"), touched);
        }
        Files.deleteIfExists(fromLog);
        Files.deleteIfExists(toLog);
        Files.deleteIfExists(logs);
    }

    private static boolean isOver(Host from) {
        return switch (from.ask("query-migrate").path("status").asString("")) {
            case "completed", "failed", "postcopy-paused" -> true;
            default -> false;
        };
    }

    private static Buckets touches(Host host) {
        Buckets all = new Buckets();
        all.add(host.ask("x-godwit-guest").path("touch-cycles"), 0);
        return all;
    }

    private void take(PostcopyMove move, JsonNode postcopy, Buckets touched) {
        Buckets one = new Buckets();
        one.add(
                postcopy.path("latency-buckets"),
                postcopy.path("latency").path("whole").path("max-nanos").asLong());
        whole.add(one);
        // The guest cannot tell which of its touches were faults; those that took longest are taken for them.
        touches.add(touched.longest(one.count()));
        StringBuilder parts = new StringBuilder();
        for (String part : PARTS) {
            JsonNode latency = postcopy.path("latency").path(part);
            parts.append(String.format(
                    Locale.ROOT,
                    " %s %.1f/%.1f/%.0f",
                    part,
                    latency.path("p50-nanos").asDouble() / 1e3,
                    latency.path("p99-nanos").asDouble() / 1e3,
                    latency.path("max-nanos").asDouble() / 1e3));
        }
        System.out.printf(
                Locale.ROOT,
                "move of %.1f s: %s, above 5 ms %d; p50/p99/max us:%s%n",
                move.pushSeconds(),
                one.quantiles(1),
                one.countAbove(5_000_000),
                parts);
    }

    private void print(FaultFloor idle, FaultFloor pushing) {
        Quantiles godwit = whole.quantiles(1);
        System.out.printf(
                Locale.ROOT, "%ngodwit, event to placed: %s, above 5 ms: %d%n", godwit, whole.countAbove(5_000_000));
        Quantiles guest = touches.quantiles(idle.nanosACycle());
        System.out.printf(Locale.ROOT, "godwit, touch to continue: %s%n", guest);
        print("push idle", godwit, guest, idle);
        print("push at full speed", godwit, guest, pushing);
        System.out.println("pauses of both JVMs meanwhile: " + pauses);
    }

    private static void print(String push, Quantiles godwit, Quantiles guest, FaultFloor floor) {
        System.out.printf(
                Locale.ROOT, "against the floor, %s, event to placed:   %s%n", push, godwit.over(floor.handled()));
        System.out.printf(
                Locale.ROOT, "against the floor, %s, touch to continue: %s%n", push, guest.over(floor.touched()));
    }
}
