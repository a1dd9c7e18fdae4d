// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * How long a guest of 1 GiB stands still when it moves, by its own heartbeat, in turn with the downtime that QEMU
 * reports for its own move of a guest that does the same. Both send as fast as they can and stop the guest by the same
 * limit, QEMU's default of 300 ms.
 */
public final class PauseBenchmark {
    private static final List<String> SOURCE_PARTS = List.of("stop", "harvest", "pages", "device", "handover");
    private static final List<String> DESTINATION_PARTS = List.of("load", "token", "start");
    private static final long SETTLE_NANOS = 1_000_000_000L;
    private static final long MARGIN_BEFORE_NANOS = 200_000_000L;
    private static final long MARGIN_AFTER_NANOS = 1_000_000_000L;

    private final String load;
    private final List<String> godwitGuest;
    private final String qemuLoad;
    private final Series pause;
    private final Series gapOfMove;
    private final Series gapBefore;
    private final Series downtime;
    private final Map<String, Series> parts = new LinkedHashMap<>();

    private PauseBenchmark(String load, List<String> godwitGuest, String qemuLoad) {
        this.load = load;
        this.godwitGuest = godwitGuest;
        this.qemuLoad = qemuLoad;
        pause = new Series("godwit " + load + ": longest gap across the move", "ms");
        gapOfMove = new Series("godwit " + load + ": last beat here to first there", "ms");
        gapBefore = new Series("godwit " + load + ": longest gap in the second before", "ms");
        downtime = new Series("qemu " + load + ": downtime", "ms");
    }

    /** Measures {@code runs} moves of each kind, with an idle guest and with a busy one. */
    public static void run(int runs) throws Exception {
        List<String> memory = List.of("--guest", "kvm", "--memory", "1G", "--fill", "random");
        PauseBenchmark idle = new PauseBenchmark("idle", with(memory, "--program", "idle"), "rate=0");
        PauseBenchmark busy = new PauseBenchmark(
                "dirtier",
                with(memory, "--program", "dirtier", "--working-set", "64M", "--dirty-rate", "20000"),
                "set=64 rate=20000");
        for (int i = 0; i < runs; i++) {
            for (PauseBenchmark one : List.of(idle, busy)) {
                one.moveGodwit();
                one.moveQemu();
                one.printLast();
            }
        }
        idle.print();
        busy.print();
    }

    private static List<String> with(List<String> words, String... more) {
        List<String> all = new java.util.ArrayList<>(words);
        all.addAll(List.of(more));
        return all;
    }

    private void moveGodwit() throws Exception {
        try (Host from = Host.godwit(godwitGuest);
                Host to = Host.godwit(with(godwitGuest, "--incoming", "tcp:127.0.0.1:0"))) {
            from.limit(0);
            String uri = to.listensAt();
            Floor.warm();
            LockSupport.parkNanos(SETTLE_NANOS);
            long begin = System.nanoTime();
            gapBefore.add(longestGap(from, begin - SETTLE_NANOS, begin) / 1e6);
            from.migrate(uri);
            JsonNode _ = from.awaitEnd();
            LockSupport.parkNanos(MARGIN_AFTER_NANOS + SETTLE_NANOS / 10);
            long stop = beat(from, "last-beat-nanos");
            long start = beat(to, "first-beat-nanos");
            long near = Math.max(
                    longestGap(from, stop - MARGIN_BEFORE_NANOS, stop),
                    longestGap(to, start, start + MARGIN_AFTER_NANOS));
            gapOfMove.add((start - stop) / 1e6);
            pause.add(Math.max(start - stop, near) / 1e6);
            addParts(from, SOURCE_PARTS);
            addParts(to, DESTINATION_PARTS);
        }
    }

    private static long beat(Host host, String name) {
        return host.ask("x-godwit-guest").path("vcpus").path(0).path(name).asLong();
    }

    private static long longestGap(Host host, long from, long to) {
        JsonNode figures =
                host.ask("x-godwit-guest", Json.object().put("from-nanos", from).put("to-nanos", to));
        return figures.path("vcpus").path(0).path("longest-gap-nanos").asLong();
    }

    private void addParts(Host host, List<String> names) {
        JsonNode nanos = host.ask("x-godwit-statistics").path("downtime-parts");
        for (String name : names) {
            parts.computeIfAbsent(name, _ -> new Series("    " + name, "ms"))
                    .add(nanos.path(name + "-nanos").asLong() / 1e6);
        }
    }

    private void moveQemu() throws Exception {
        try (Host from = Host.qemu("1024", qemuLoad, false);
                Host to = Host.qemu("1024", qemuLoad, true)) {
            from.limit(0);
            from.announceEvents();
            String uri = to.listen();
            Floor.warm();
            LockSupport.parkNanos(SETTLE_NANOS);
            from.migrate(uri);
            JsonNode figures = from.awaitEnd();
            downtime.add(figures.path("downtime").asDouble());
        }
    }

    private void printLast() {
        System.out.printf(
                Locale.ROOT,
                "%s: godwit %.3f ms (its beats %.3f ms apart, before the move %.3f ms), qemu %.0f ms%n",
                load,
                pause.last(),
                gapOfMove.last(),
                gapBefore.last(),
                downtime.last());
    }

    private void print() {
        System.out.println();
        System.out.println(pause);
        System.out.println(gapOfMove);
        System.out.println(gapBefore);
        System.out.println(downtime);
        System.out.printf(
                Locale.ROOT,
                "%s: godwit's pause is %.2f of QEMU's downtime; its parts (handover contains load, token and start):%n",
                load,
                pause.median() / downtime.median());
        parts.values().forEach(System.out::println);
    }
}
