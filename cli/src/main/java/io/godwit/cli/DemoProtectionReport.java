// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.machines.client.ClientFigures;
import java.util.Locale;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * How a demonstration of COLO went.
 *
 * @param killed which host was
 * @param before both sides, when they were looked at last before that
 * @param after both sides of the second protection
 * @param work of the guest with the first protection and without
 * @param failoverNanos from the loss until the guest went on alone, as the survivor says
 * @param gapBeforeNanos longest time in which no client was answered, while the guest was protected
 * @param gapAcrossNanos the same from the kill until clients were answered again
 * @param clients how the clients got on; their gap is that of the second protection
 */
record DemoProtectionReport(
        boolean periodic,
        String killed,
        Protected before,
        Protected after,
        Work work,
        long failoverNanos,
        long gapBeforeNanos,
        long gapAcrossNanos,
        ClientFigures clients) {
    /** Both sides at one moment. */
    record Protected(ColoSample primary, ColoSample secondary) {
        ObjectNode toJson() {
            ObjectNode json = Json.object();
            json.set("primary", primary.toJson());
            json.set("secondary", secondary.toJson());
            return json;
        }

        private String text() {
            String answers = String.format(
                    Locale.ROOT,
                    "%,d answers were the same, %,d differed; %,d outputs held at last",
                    primary.compared(),
                    primary.divergences(),
                    primary.heldOutputs());
            return String.format(
                            Locale.ROOT,
                            "%,d checkpoints of %,d pages; pause %s; flush %s",
                            primary.checkpoints(),
                            primary.pagesEach(),
                            primary.pause(),
                            secondary.flush())
                    + System.lineSeparator() + "            " + answers;
        }
    }

    /**
     * What the guest did of what its clients asked.
     *
     * @param protectedRate answers a second while it was protected
     * @param aloneRate the same while the survivor was alone
     */
    record Work(double protectedRate, double aloneRate) {
        /** From the clients' figures at the begin and the end of both times. */
        static Work of(ClientFigures begin, ClientFigures end, ClientFigures aloneBegin, ClientFigures aloneEnd) {
            return new Work(rate(begin, end), rate(aloneBegin, aloneEnd));
        }

        private static double rate(ClientFigures begin, ClientFigures end) {
            long nanos = end.nanos() - begin.nanos();
            return nanos <= 0 ? 0 : (end.answers() - begin.answers()) * 1e9 / nanos;
        }

        /** The part of its unprotected work that it did under protection; 0 if it did none alone. */
        double share() {
            return aloneRate == 0 ? 0 : protectedRate / aloneRate;
        }

        private String text() {
            return String.format(
                    Locale.ROOT,
                    "%.0f %% of what it does alone: %,.0f answers a second under protection, %,.0f without",
                    100 * share(),
                    protectedRate,
                    aloneRate);
        }
    }

    /** For people. */
    String text() {
        String nl = System.lineSeparator();
        LatencyHistogram.Snapshot latency = clients.latency();
        return String.format(
                        Locale.ROOT,
                        "  answers   %,d to 4 clients, each checked: %s",
                        clients.answers(),
                        clients.findings().isEmpty() ? "nothing lost, doubled or wrong" : "NOT all right")
                + nl
                + "            latency p50 " + TimeSpan.text(latency.percentileNanos(50)) + ", p99 "
                + TimeSpan.text(latency.percentileNanos(99)) + "; " + clients.reconnects() + " reconnects"
                + nl
                + "  gap       " + TimeSpan.text(gapAcrossNanos) + " without an answer when the " + killed
                + " was killed (before: " + TimeSpan.text(gapBeforeNanos) + ", when protected again: "
                + TimeSpan.text(clients.longestGapNanos()) + ")"
                + nl
                + "  work      " + work.text()
                + nl
                + "  failover  " + TimeSpan.text(failoverNanos) + " from the loss until the survivor went on alone"
                + nl
                + "  first     " + before.text()
                + nl
                + "  again     " + after.text();
    }

    ObjectNode toJson() {
        ObjectNode json = Json.object()
                .put("status", "protected")
                .put("periodic", periodic)
                .put("killed", killed)
                .put("answers", clients.answers())
                .put("answersPerSecondProtected", work.protectedRate())
                .put("answersPerSecondAlone", work.aloneRate())
                .put("workShare", work.share())
                .put("failoverNanos", failoverNanos)
                .put("longestGapNanos", Math.max(gapAcrossNanos, Math.max(gapBeforeNanos, clients.longestGapNanos())))
                .put("gapBeforeNanos", gapBeforeNanos)
                .put("gapAcrossNanos", gapAcrossNanos)
                .put("gapAgainNanos", clients.longestGapNanos())
                .put("latencyP50Nanos", clients.latency().percentileNanos(50))
                .put("latencyP99Nanos", clients.latency().percentileNanos(99))
                .put("reconnects", clients.reconnects());
        json.set("first", before.toJson());
        json.set("again", after.toJson());
        ArrayNode findings = json.putArray("findings");
        clients.findings().forEach(findings::add);
        return json;
    }

    /**
     * Fails if clients were told something wrong.
     *
     * @throws CommandFailure with the first of it
     */
    void requireFlawless() {
        if (!clients.findings().isEmpty()) {
            throw new CommandFailure(
                    "The clients were told wrong: " + clients.findings().getFirst());
        }
    }
}
