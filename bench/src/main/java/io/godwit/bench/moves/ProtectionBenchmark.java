// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.machines.client.ClientFigures;
import io.godwit.machines.client.ClientLoad;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/** What COLO costs a service, and how soon its clients are answered again when the primary dies. */
public final class ProtectionBenchmark {
    private static final long SECOND = 1_000_000_000L;
    private static final int CLIENTS = 512;
    private static final long HEARTBEAT_MILLIS = 1000;
    /** A second, of each of four clients: an answer each millisecond, and processors that are free for the failover. */
    private static final double FAILOVER_REQUESTS = 250;

    private ProtectionBenchmark() {}

    /**
     * The service's throughput without protection and with it, in turn. There are enough clients, each with one request
     * at a time, that held answers do not keep the guest idle.
     */
    public static void service(int rounds, int seconds) throws Exception {
        for (int round = 0; round < rounds; round++) {
            double bare = throughput(0, false, seconds);
            double equal = throughput(1000, false, seconds);
            double periodic = throughput(25, true, seconds);
            double beside = besideAnother(seconds);
            System.out.printf(
                    Locale.ROOT,
                    "against no protection: both guests run, a checkpoint a second %.2f, periodic at 25 ms %.2f; two "
                            + "hosts that serve as many clients each without protection, one of them: %.2f%n",
                    equal / bare,
                    periodic / bare,
                    beside / bare);
        }
    }

    private static double throughput(long delayMillis, boolean periodic, int seconds) throws Exception {
        try (ProtectedService service = new ProtectedService()) {
            if (delayMillis > 0) {
                service.protect(delayMillis, periodic, HEARTBEAT_MILLIS);
            }
            try (ClientLoad load = service.clients(CLIENTS)) {
                LockSupport.parkNanos(2 * SECOND);
                long before = load.figures().answers();
                long begin = System.nanoTime();
                LockSupport.parkNanos(seconds * SECOND);
                ClientFigures figures = load.figures();
                double rate = (figures.answers() - before) * 1e9 / (System.nanoTime() - begin);
                ProtectedService.refuseFindings(figures);
                print(
                        delayMillis,
                        periodic,
                        figures,
                        rate,
                        service.primary().ask("query-migrate").path("x-colo"));
                return rate;
            }
        }
    }

    /** What the machine allows: a second host does all that the first one does, and nobody compares. */
    private static double besideAnother(int seconds) throws Exception {
        try (ProtectedService one = new ProtectedService();
                ProtectedService other = new ProtectedService();
                ClientLoad load = one.clients(CLIENTS);
                ClientLoad _ = other.clients(CLIENTS)) {
            LockSupport.parkNanos(2 * SECOND);
            long before = load.figures().answers();
            long begin = System.nanoTime();
            LockSupport.parkNanos(seconds * SECOND);
            return (load.figures().answers() - before) * 1e9 / (System.nanoTime() - begin);
        }
    }

    private static void print(long delayMillis, boolean periodic, ClientFigures figures, double rate, JsonNode colo) {
        System.out.printf(
                Locale.ROOT,
                "%s: %.0f answers/s, latency p50 %.2f p99 %.2f max %.2f ms; %d checkpoints, pause mean %.2f p99 %.2f "
                        + "ms, %d answers compared, %d divergences%n",
                delayMillis == 0
                        ? "no protection"
                        : (periodic ? "periodic, " : "both guests run, ") + delayMillis + " ms",
                rate,
                figures.latency().percentileNanos(50) / 1e6,
                figures.latency().percentileNanos(99) / 1e6,
                figures.latency().maxNanos() / 1e6,
                colo.path("checkpoints").asLong(),
                colo.path("pause-nanos").path("mean").asLong() / 1e6,
                colo.path("pause-nanos").path("p99").asLong() / 1e6,
                colo.path("compared-answers").asLong(),
                colo.path("divergences").asLong());
    }

    /** From the kill of the primary to the next answer, so many times. */
    public static void failover(int kills) throws Exception {
        double[] gaps = new double[kills];
        try (ProtectedService service = new ProtectedService()) {
            ClientLoad load = service.clients(4, FAILOVER_REQUESTS);
            try (load) {
                for (int kill = 0; kill < kills; kill++) {
                    service.protect(200, false, HEARTBEAT_MILLIS);
                    LockSupport.parkNanos(SECOND / 2);
                    service.killPrimary(load);
                    gaps[kill] = load.figures().longestGapNanos() / 1e6;
                }
                ProtectedService.refuseFindings(load.figures());
            }
        }
        Arrays.sort(gaps);
        System.out.printf(
                Locale.ROOT,
                "%d primaries killed, time-out %d ms: longest gap without an answer p50 %.1f p99 %.1f max %.1f ms, "
                        + "0 answers lost, doubled or wrong%n",
                kills,
                HEARTBEAT_MILLIS,
                gaps[kills / 2],
                gaps[Math.min(kills - 1, kills * 99 / 100)],
                gaps[kills - 1]);
    }
}
