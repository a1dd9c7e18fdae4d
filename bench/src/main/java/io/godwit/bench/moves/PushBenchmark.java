// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/**
 * How fast the background push of postcopy moves an idle guest of 1 GiB of random memory, in turn with precopy of the
 * same guest, without and with the capability (with it, the destination's memory is registered, and its pages are
 * placed one by one).
 */
public final class PushBenchmark {
    private static final double BYTES = 1L << 30;
    private static final List<String> GUEST =
            List.of("--guest", "kvm", "--memory", "1G", "--program", "idle", "--fill", "random");

    private final Series plain = new Series("precopy, capability off", "GB/s");
    private final Series prepared = new Series("precopy, capability on", "GB/s");
    private final Series push = new Series("background push", "GB/s");
    private final Series plainCpu = new Series("precopy, capability off: source + destination", "CPU s");
    private final Series preparedCpu = new Series("precopy, capability on: source + destination", "CPU s");
    private final Series pushCpu = new Series("background push: source + destination", "CPU s");

    private PushBenchmark() {}

    /** Measures {@code runs} moves of each kind. */
    public static void run(int runs) throws Exception {
        PushBenchmark benchmark = new PushBenchmark();
        for (int i = 0; i < runs; i++) {
            benchmark.precopy(false, benchmark.plain, benchmark.plainCpu);
            benchmark.precopy(true, benchmark.prepared, benchmark.preparedCpu);
            benchmark.push();
            System.out.printf(
                    Locale.ROOT,
                    "precopy %.3f GB/s (%.2f CPU s), with the capability %.3f GB/s (%.2f), push %.3f GB/s (%.2f)%n",
                    benchmark.plain.last(),
                    benchmark.plainCpu.last(),
                    benchmark.prepared.last(),
                    benchmark.preparedCpu.last(),
                    benchmark.push.last(),
                    benchmark.pushCpu.last());
        }
        benchmark.print();
    }

    private void precopy(boolean capability, Series into, Series cpu) throws Exception {
        try (Host from = Host.godwit(GUEST);
                Host to = Host.godwit(Host.waitingFor(GUEST))) {
            if (capability) {
                from.capabilities("postcopy-ram");
                to.capabilities("postcopy-ram");
            }
            from.capabilities("events");
            from.limit(0);
            String uri = to.listen();
            // Without the capability the guest arrives in huge pages, of which kept memory has none.
            Floor.warm();
            try (WarmMemory _ = WarmMemory.of(1024)) {
                double before = from.cpuSeconds() + to.cpuSeconds();
                from.migrate(uri);
                JsonNode _ = from.awaitEnd();
                cpu.add(from.cpuSeconds() + to.cpuSeconds() - before);
            }
            JsonNode figures = from.ask("x-godwit-statistics");
            double millis = figures.path("total-time-millis").asDouble()
                    - figures.path("setup-time-millis").asDouble();
            into.add(BYTES / millis / 1e6);
        }
    }

    private void push() throws Exception {
        try (Host from = Host.godwit(GUEST);
                Host to = Host.godwit(Host.waitingFor(GUEST))) {
            try (WarmMemory _ = PostcopyMove.begin(PostcopyMove.Kind.GODWIT_PREEMPT, from, to, 1024)) {
                double before = from.cpuSeconds() + to.cpuSeconds();
                PostcopyMove move = PostcopyMove.end(from, to);
                pushCpu.add(from.cpuSeconds() + to.cpuSeconds() - before);
                // What a first pass that was cut short has moved does not count.
                double pushed =
                        move.figures().path("ram").path("postcopy-bytes").asDouble(0);
                push.add((pushed == 0 ? BYTES : pushed) / move.pushSeconds() / 1e9);
            }
        }
    }

    private void print() {
        System.out.println();
        for (Series series : List.of(plain, prepared, push, plainCpu, preparedCpu, pushCpu)) {
            System.out.println(series);
        }
        System.out.printf(
                Locale.ROOT,
                "background push: %.2f of precopy, %.2f of precopy with the capability on%n",
                push.median() / plain.median(),
                push.median() / prepared.median());
    }
}
