// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;

/**
 * How a guest moves that writes faster than the wire carries, with {@code auto-converge} at its defaults: time, bytes,
 * and how much of its work it loses. Godwit without and with background syncs, and with {@code autopilot}, beside QEMU
 * under the same load.
 *
 * <p>On KVM, where the first write to a tracked page may be so dear that a guest writes far less than it wants; and in
 * software (QEMU's TCG, Godwit's memory guest), where it writes what it wants. What each wrote before its move is
 * printed, so that it shows whether the loads were the same.
 *
 * <p>A Godwit's guest never makes up for the time that a throttle took from it. QEMU's load would, for up to 10 ms, so
 * that a throttle below 50 % did not slow it: here it is told not to, but for the 2 ms that it needs to sleep from one
 * tick of its timer to the next.
 */
public final class ConvergeBenchmark {
    private static final long SECOND = 1_000_000_000L;
    private static final int MEBIBYTES = 1024;
    private static final int SET_MEBIBYTES = 512;
    private static final int RATE = 200_000;
    private static final int MARK_PAGES = 200;

    /** What runs the guests, on both sides. */
    public enum Guests {
        /** KVM. */
        KVM("kvm"),
        /** A thread of the host's process. */
        SOFTWARE("memory");

        private final String godwitKind;

        Guests(String godwitKind) {
            this.godwitKind = godwitKind;
        }

        private Host qemu(String load, boolean incoming) throws Exception {
            String memory = Integer.toString(MEBIBYTES);
            return switch (this) {
                case KVM -> Host.qemu(memory, load, incoming);
                case SOFTWARE -> Host.softwareQemu(memory, load, incoming);
            };
        }
    }

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

    private final Guests guests;
    private final long bytesPerSecond;
    private final List<Result> results = new ArrayList<>();

    private record Result(Kind kind, Series before, Series seconds, Series gigabytes, Series lostSeconds) {
        @Override
        public String toString() {
            return before + "\n" + seconds + "\n" + gigabytes + "\n" + lostSeconds;
        }
    }

    private ConvergeBenchmark(Guests guests, long bytesPerSecond) {
        this.guests = guests;
        this.bytesPerSecond = bytesPerSecond;
        for (Kind kind : Kind.values()) {
            String of = kind.text + ", " + place() + ": ";
            results.add(new Result(
                    kind,
                    new Series(of + "work before", "pages/s"),
                    new Series(of + "time", "s"),
                    new Series(of + "bytes", "GB"),
                    new Series(of + "the guest's time lost", "s")));
        }
    }

    private String place() {
        return guests.toString().toLowerCase(Locale.ROOT) + ", " + bytesPerSecond / 1_000_000 + " MB/s";
    }

    private Result of(Kind kind) {
        return results.stream()
                .filter(result -> result.kind == kind)
                .findFirst()
                .orElseThrow();
    }

    /** Measures {@code runs} moves of each kind at 200 MB/s, a quarter of what is written, and at 80 MB/s, a tenth. */
    public static void run(Guests guests, int runs) throws Exception {
        for (long bytesPerSecond : new long[] {200_000_000, 80_000_000}) {
            ConvergeBenchmark benchmark = new ConvergeBenchmark(guests, bytesPerSecond);
            for (int i = 0; i < runs; i++) {
                for (Kind kind : Kind.values()) {
                    benchmark.move(kind);
                }
            }
            benchmark.print();
        }
    }

    private void move(Kind kind) throws Exception {
        boolean qemu = kind == Kind.QEMU;
        String load = "set=%d rate=%d beat=1000 mark=%d random=0 owe=2000".formatted(SET_MEBIBYTES, RATE, MARK_PAGES);
        List<String> guest = List.of(
                "--guest",
                guests.godwitKind,
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
        try (Host from = qemu ? guests.qemu(load, false) : Host.godwit(guest);
                Host to = qemu ? guests.qemu(load, true) : Host.godwit(Host.waitingFor(guest))) {
            from.capabilities("events", kind == Kind.AUTOPILOT ? "autopilot" : "auto-converge");
            from.limit(bytesPerSecond);
            if (!qemu) {
                from.parameter("background-sync-interval", kind.intervalMillis);
            }
            String uri = to.listen();
            LockSupport.parkNanos(2 * SECOND);
            double before = workPerSecond(from, qemu);
            double workAtBegin = work(from, qemu, System.nanoTime());
            from.migrate(uri);
            JsonNode figures = from.awaitEnd();
            double seconds = figures.path("total-time").asDouble() / 1e3;
            double done = work(from, qemu, System.nanoTime()) - workAtBegin;
            Result result = of(kind);
            result.before.add(before);
            result.seconds.add(seconds);
            result.gigabytes.add(figures.path("ram").path("transferred").asDouble() / 1e9);
            result.lostSeconds.add(seconds - done / before);
            System.out.printf(
                    Locale.ROOT,
                    "%s, %s: wrote %.0f pages/s before; %.1f s, %.2f GB, %.1f s of the guest's time lost, %d passes, "
                            + "downtime %d ms %s%n",
                    kind.text,
                    place(),
                    before,
                    seconds,
                    result.gigabytes.last(),
                    result.lostSeconds.last(),
                    figures.path("ram").path("dirty-sync-count").asInt(),
                    figures.path("downtime").asInt(),
                    qemu ? "" : from.ask("x-godwit-statistics").path("throttle"));
        }
    }

    private void print() {
        results.forEach(System.out::println);
        for (Kind kind : Kind.values()) {
            if (kind != Kind.QEMU) {
                printRatio(kind, Kind.QEMU);
            }
        }
        for (Kind kind : List.of(Kind.DEFAULT, Kind.RESPONSIVE, Kind.AUTOPILOT)) {
            printRatio(kind, Kind.NO_SYNC);
        }
    }

    private void printRatio(Kind kind, Kind base) {
        System.out.printf(
                Locale.ROOT,
                "ratio, %s: %s to %s: time %.2f, bytes %.2f, the guest's time lost %.2f (medians; work before %.2f)%n",
                place(),
                kind.text,
                base.text,
                ratio(kind, base, Result::seconds),
                ratio(kind, base, Result::gigabytes),
                ratio(kind, base, Result::lostSeconds),
                ratio(kind, base, Result::before));
    }

    private double ratio(Kind kind, Kind base, Function<Result, Series> series) {
        return series.apply(of(kind)).median() / series.apply(of(base)).median();
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
