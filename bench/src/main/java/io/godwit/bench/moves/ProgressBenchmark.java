// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.bench.moves.PostcopyMove.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * How much a guest gets done in the first three seconds after the switch to postcopy, Godwit's and QEMU's with the same
 * working set and rate, in pages a second and as a share of what it did before. Work is what the guest counts itself; a
 * QEMU's guest shows it on its serial port as it goes. The three seconds begin with the last beat at the source.
 *
 * <p>Over a wire of 1 Gbit/s, the same for all ({@link Wire}), where the guest lives on what it asks for; and over
 * loopback as fast as it goes, where nearly all memory is there after two seconds whoever sends it.
 */
public final class ProgressBenchmark {
    private static final long SECOND = 1_000_000_000L;
    private static final int SECONDS = 3;
    private static final int MARK_PAGES = 50;
    private static final int MEBIBYTES = 2048;
    private static final int SET_MEBIBYTES = 1536;
    private static final int RATE = 50_000;

    private static final long GIGABIT_BYTES_PER_SECOND = 125_000_000;

    private final boolean random;
    private final long wireBytesPerSecond;
    private final String name;
    private final List<Result> results = new ArrayList<>();

    /** What guests of one kind did: pages a second after the switch, and that as a share of what they did before. */
    private record Result(Kind kind, Series rate, Series share) {}

    private ProgressBenchmark(boolean random, long wireBytesPerSecond) {
        this.random = random;
        this.wireBytesPerSecond = wireBytesPerSecond;
        this.name = (random ? "random order" : "sweep")
                + (wireBytesPerSecond == 0 ? ", loopback" : ", " + wireBytesPerSecond / 1_000_000 + " MB/s");
        for (Kind kind : Kind.values()) {
            String of = kind + ", " + name;
            results.add(new Result(
                    kind, new Series(of + ": after the switch", "pages/s"), new Series(of + ": of before", "")));
        }
    }

    /** Measures {@code runs} moves of each kind. */
    public static void run(int runs) throws Exception {
        List<ProgressBenchmark> all = new ArrayList<>();
        if (Wire.canBeLimited()) {
            all.add(new ProgressBenchmark(true, GIGABIT_BYTES_PER_SECOND));
            all.add(new ProgressBenchmark(false, GIGABIT_BYTES_PER_SECOND));
        } else {
            System.out.println("COULD NOT RUN over a wire of 1 Gbit/s: that needs a network namespace, so run as root"
                    + " with unshare, ip and tc installed (Debian: apt-get install util-linux iproute2)");
        }
        all.add(new ProgressBenchmark(true, 0));
        all.add(new ProgressBenchmark(false, 0));
        for (int i = 0; i < runs; i++) {
            for (ProgressBenchmark one : all) {
                for (Kind kind : Kind.values()) {
                    one.move(kind);
                }
            }
        }
        all.forEach(ProgressBenchmark::print);
    }

    private void move(Kind kind) throws Exception {
        double[] beforeAndAfter;
        try (Wire wire = wireBytesPerSecond == 0 ? Wire.loopback() : Wire.limited(wireBytesPerSecond)) {
            beforeAndAfter = kind.isQemu() ? moveQemu(kind, wire) : moveGodwit(kind, wire);
        }
        Result result = of(kind);
        result.rate.add(beforeAndAfter[1]);
        result.share.add(beforeAndAfter[1] / beforeAndAfter[0]);
        System.out.printf(
                Locale.ROOT,
                "%s, %s: %.0f pages/s before, %.0f in the %d s after%n",
                kind,
                name,
                beforeAndAfter[0],
                beforeAndAfter[1],
                SECONDS);
    }

    private Result of(Kind kind) {
        return results.stream()
                .filter(result -> result.kind == kind)
                .findFirst()
                .orElseThrow();
    }

    private double[] moveGodwit(Kind kind, Wire wire) throws Exception {
        List<String> guest =
                new ArrayList<>(List.of("--guest", "kvm", "--memory", MEBIBYTES + "M", "--fill", "random"));
        guest.addAll(List.of("--program", "dirtier", "--working-set", SET_MEBIBYTES + "M"));
        guest.addAll(List.of("--dirty-rate", Integer.toString(RATE), "--write-order", random ? "random" : "sweep"));
        try (Host from = Host.godwit(guest);
                Host to = Host.godwit(Host.waitingFor(guest), "", wire)) {
            LockSupport.parkNanos(SECOND);
            JsonNode begin = from.ask("x-godwit-guest");
            LockSupport.parkNanos(SECOND);
            JsonNode end = from.ask("x-godwit-guest");
            double before = (work(end) - work(begin))
                    * (double) SECOND
                    / (end.path("now-nanos").asLong() - begin.path("now-nanos").asLong());
            try (WarmMemory _ = PostcopyMove.begin(kind, from, to, MEBIBYTES)) {
                // The source's figures stand still from the switch on.
                var _ = from.awaitEvent("postcopy-active");
                JsonNode left = from.ask("x-godwit-guest");
                long stopped =
                        left.path("vcpus").path(0).path("last-beat-nanos").asLong();
                LockSupport.parkNanos(stopped + SECONDS * SECOND - System.nanoTime());
                JsonNode there = to.ask("x-godwit-guest");
                double seconds = (there.path("now-nanos").asLong() - stopped) / (double) SECOND;
                double after = (work(there) - work(left)) / seconds;
                PostcopyMove _ = PostcopyMove.end(from, to);
                return new double[] {before, after};
            }
        }
    }

    private static long work(JsonNode figures) {
        return figures.path("work-pages").asLong();
    }

    private double[] moveQemu(Kind kind, Wire wire) throws Exception {
        String load =
                "set=%d rate=%d beat=1000 mark=%d random=%d".formatted(SET_MEBIBYTES, RATE, MARK_PAGES, random ? 1 : 0);
        try (Host from = Host.qemu(Integer.toString(MEBIBYTES), load, false);
                Host to = Host.qemu(Integer.toString(MEBIBYTES), load, true, wire)) {
            LockSupport.parkNanos(2 * SECOND);
            long now = System.nanoTime();
            double before = from.process().work().between(now - SECOND, now) * (double) MARK_PAGES;
            PostcopyMove _ = PostcopyMove.whole(kind, from, to, MEBIBYTES);
            LockSupport.parkNanos(SECONDS * SECOND);
            long stopped =
                    from.process().beats().lastBefore(to.process().beats().first());
            double after =
                    to.process().work().between(stopped, stopped + SECONDS * SECOND) * (double) MARK_PAGES / SECONDS;
            return new double[] {before, after};
        }
    }

    private void print() {
        System.out.println();
        results.forEach(result -> System.out.println(result.rate));
        results.forEach(result -> System.out.println(result.share));
        for (Kind ours : List.of(Kind.GODWIT, Kind.GODWIT_PREEMPT)) {
            Kind rival = ours == Kind.GODWIT ? Kind.QEMU : Kind.QEMU_PREEMPT;
            System.out.printf(
                    Locale.ROOT,
                    "%s: %s does %.2f times the work of %s, %.2f times its share of before%n",
                    name,
                    ours,
                    of(ours).rate.median() / of(rival).rate.median(),
                    rival,
                    of(ours).share.median() / of(rival).share.median());
        }
    }
}
