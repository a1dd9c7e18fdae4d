// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * How a guest moves that writes faster than the wire carries, with {@code auto-converge} at its defaults: time, bytes, and how much of its work
 * it loses. Godwit without and with background syncs, and with {@code autopilot}, beside QEMU under the same load.
 */
public final class ConvergeBenchmark {
    private static final long SECOND = 1_000_000_000L;
    private static final int MEBIBYTES = 1024;
    private static final int SET_MEBIBYTES = 512;
    private static final int RATE = 200_000;
    private static final int MARK_PAGES = 200;

    /** Who moves it. */
    private enum Kind {
        QEMU("qemu", 0),
        NO_SYNC("godwit, no background sync", 0),
        DEFAULT("godwit, background-sync-interval of 5 s", 5000),
        RESPONSIVE("godwit, background-sync-interval of 500 ms", 500),
        AUTOPILOT("godwit, autopilot", 5000);

        private final String text;
        private final long intervalMillis;

        Kind(String text, long intervalMillis) {
            this.text = text;
            this.intervalMillis = intervalMillis;
        }
    }

    private final long bytesPerSecond;
    private final List<Result> results = new ArrayList<>();

    private record Result(Kind kind, Series seconds, Series gigabytes, Series lostSeconds) {}

    private ConvergeBenchmark(long bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
        for (Kind kind : Kind.values()) {
            String of = kind.text + ", " + bytesPerSecond / 1_000_000 + " MB/s: ";
            results.add(new Result(
                    kind,
                    new Series(of + "time", "s"),
                    new Series(of + "bytes", "GB"),
                    new Series(of + "the guest's time lost", "s")));
        }
    }

    /** Measures {@code runs} moves of each kind at 200 MB/s, a quarter of what is written, and at 80 MB/s, a tenth. */
    public static void run(int runs) throws Exception {
        for (long bytesPerSecond : new long[] {200_000_000, 80_000_000}) {
            ConvergeBenchmark benchmark = new ConvergeBenchmark(bytesPerSecond);
            for (int i = 0; i < runs; i++) {
                for (Result result : benchmark.results) {
                    benchmark.move(result);
                }
            }
            benchmark.results.stream()
                    .filter(result -> result.seconds.count() > 0)
                    .forEach(result ->
                            System.out.println(result.seconds + "\n" + result.gigabytes + "\n" + result.lostSeconds));
        }
    }

    private void move(Result result) throws Exception {
        boolean qemu = result.kind == Kind.QEMU;
        String load = "set=%d rate=%d beat=1000 mark=%d random=0".formatted(SET_MEBIBYTES, RATE, MARK_PAGES);
        List<String> guest = List.of(
                "--guest",
                "kvm",
                "--memory",
                MEBIBYTES + "M",
                "--fill",
                "random",
                "--program",
                "dirtier",
                "--working-set",
                SET_MEBIBYTES + "M",
                "--dirty-rate",
                Integer.toString(RATE));
        List<String> waiting = new ArrayList<>(guest);
        waiting.addAll(List.of("--incoming", "defer"));
        try (Host from = qemu ? Host.qemu(Integer.toString(MEBIBYTES), load, false) : Host.godwit(guest);
                Host to = qemu ? Host.qemu(Integer.toString(MEBIBYTES), load, true) : Host.godwit(waiting)) {
            from.capabilities("events", result.kind == Kind.AUTOPILOT ? "autopilot" : "auto-converge");
            from.limit(bytesPerSecond);
            if (!qemu) {
                from.parameter("background-sync-interval", result.kind.intervalMillis);
            }
            String uri = to.listen();
            LockSupport.parkNanos(2 * SECOND);
            double before = workPerSecond(from, qemu);
            long begin = System.nanoTime();
            double workAtBegin = work(from, qemu, begin);
            from.migrate(uri);
            JsonNode figures = from.awaitEnd();
            double seconds = figures.path("total-time").asDouble() / 1e3;
            double done = work(from, qemu, System.nanoTime()) - workAtBegin;
            result.seconds.add(seconds);
            result.gigabytes.add(figures.path("ram").path("transferred").asDouble() / 1e9);
            result.lostSeconds.add(seconds - done / before);
            System.out.printf(
                    Locale.ROOT,
                    "%s at %d MB/s: %.1f s, %.2f GB, %.1f s of the guest's time lost, %d passes, downtime %d ms %s%n",
                    result.kind.text,
                    bytesPerSecond / 1_000_000,
                    seconds,
                    result.gigabytes.last(),
                    result.lostSeconds.last(),
                    figures.path("ram").path("dirty-sync-count").asInt(),
                    figures.path("downtime").asInt(),
                    qemu ? Json.object() : from.ask("x-godwit-statistics").path("throttle"));
        }
    }

    private static double workPerSecond(Host host, boolean qemu) throws Exception {
        long begin = System.nanoTime();
        double workAtBegin = work(host, qemu, begin);
        LockSupport.parkNanos(SECOND);
        long end = System.nanoTime();
        return (work(host, qemu, end) - workAtBegin) * SECOND / (end - begin);
    }

    private static double work(Host host, boolean qemu, long until) {
        return qemu
                ? host.process().work().between(Long.MIN_VALUE, until) * (double) MARK_PAGES
                : host.ask("x-godwit-guest").path("work-pages").asDouble();
    }
}
