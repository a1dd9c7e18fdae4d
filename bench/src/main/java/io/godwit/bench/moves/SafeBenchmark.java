// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * What {@code postcopy-safe} costs: the guest's work while its memory arrives, with and without it, and how long the
 * world waits for what the guest puts out. The push is slowed down, so that memory is missing all the while.
 */
public final class SafeBenchmark {
    private static final long SECOND = 1_000_000_000L;
    private static final int SECONDS = 3;
    private static final long PUSH_BYTES_PER_SECOND = 64L << 20;
    private static final List<Integer> EPOCHS = List.of(0, 20, 50, 100);
    private static final List<Integer> RATES = List.of(2_000, 20_000);

    private SafeBenchmark() {}

    /** Measures {@code runs} moves of each kind. */
    public static void run(int runs) throws Exception {
        for (int rate : RATES) {
            for (int run = 0; run < runs; run++) {
                for (int epoch : EPOCHS) {
                    move(rate, epoch);
                }
            }
        }
    }

    private static void move(int rate, int epochMillis) throws Exception {
        List<String> guest = List.of(
                "--guest",
                "kvm",
                "--memory",
                "512M",
                "--fill",
                "random",
                "--working-set",
                "64M",
                "--dirty-rate",
                Integer.toString(rate));
        try (Host from = Host.godwit(guest);
                Host to = Host.godwit(Host.waitingFor(guest))) {
            from.capabilities("events", "postcopy-ram", "postcopy-preempt");
            to.capabilities("postcopy-ram", "postcopy-preempt");
            if (epochMillis > 0) {
                from.capabilities("postcopy-safe");
                from.parameter("x-safe-epoch", epochMillis);
            }
            from.limit(0);
            from.parameter("max-postcopy-bandwidth", PUSH_BYTES_PER_SECOND);
            String uri = to.listen();
            LockSupport.parkNanos(2 * SECOND);
            from.migrate(uri);
            JsonNode _ = from.ask("migrate-start-postcopy");
            var _ = from.awaitEvent("postcopy-active");
            LockSupport.parkNanos(SECOND);
            JsonNode begin = to.ask("x-godwit-guest");
            JsonNode safetyBegin = safety(to);
            LockSupport.parkNanos(SECONDS * SECOND);
            JsonNode end = to.ask("x-godwit-guest");
            JsonNode figures = safety(to);
            refuseUnlessMoving(from, to);
            print(rate, epochMillis, begin, end, safetyBegin, figures, longestGap(to, begin, end));
        }
    }

    private static void refuseUnlessMoving(Host from, Host to) {
        for (Host host : List.of(from, to)) {
            JsonNode migration = host.ask("query-migrate");
            if (!migration.path("status").asString("").equals("postcopy-active")) {
                throw new IllegalStateException("the migration should be on its way: " + migration);
            }
        }
    }

    private static JsonNode safety(Host host) {
        return host.ask("x-godwit-statistics").path("postcopy").path("safety");
    }

    private static double longestGap(Host host, JsonNode begin, JsonNode end) {
        JsonNode answer = host.ask(
                "x-godwit-guest",
                Json.object()
                        .put("from-nanos", begin.path("now-nanos").asLong())
                        .put("to-nanos", end.path("now-nanos").asLong()));
        return answer.path("vcpus").path(0).path("longest-gap-nanos").asLong() / 1e6;
    }

    private static void print(
            int rate,
            int epochMillis,
            JsonNode begin,
            JsonNode end,
            JsonNode before,
            JsonNode after,
            double gapMillis) {
        double seconds =
                (end.path("now-nanos").asLong() - begin.path("now-nanos").asLong()) / (double) SECOND;
        double work =
                (end.path("work-pages").asLong() - begin.path("work-pages").asLong()) / seconds;
        double epochs = (after.path("epochs").asLong() - before.path("epochs").asLong()) / seconds;
        double pages = (after.path("pages").asLong() - before.path("pages").asLong()) / seconds;
        System.out.printf(
                Locale.ROOT,
                "rate %6d, epoch %3d ms: work %6.0f pages/s, %5.1f epochs/s, %6.0f pages back/s, pause p50 %.2f p99 "
                        + "%.2f"
                        + " max %.2f ms, output delay p50 %.1f p99 %.1f max %.1f ms, longest gap the world saw %.1f "
                        + "ms%n",
                rate,
                epochMillis,
                work,
                epochs,
                pages,
                millis(after, "pause", "p50-nanos"),
                millis(after, "pause", "p99-nanos"),
                millis(after, "pause", "max-nanos"),
                millis(after, "output-delay", "p50-nanos"),
                millis(after, "output-delay", "p99-nanos"),
                millis(after, "output-delay", "max-nanos"),
                gapMillis);
    }

    private static double millis(JsonNode figures, String what, String which) {
        return figures.path(what).path(which).asLong() / 1e6;
    }
}
