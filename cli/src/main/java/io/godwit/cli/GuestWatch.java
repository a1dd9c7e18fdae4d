// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import io.godwit.engine.forecast.Conditions;
import io.godwit.engine.forecast.DirtyCurve;
import io.godwit.engine.forecast.Estimate;
import io.godwit.engine.forecast.GuestProfile;
import io.godwit.engine.forecast.Link;
import io.godwit.engine.forecast.StoppingRule;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Watches what a guest writes, through QMP alone. A Godwit tells a whole curve in one measurement; a QEMU is asked for
 * one interval after the other, by samples of its pages, which costs the guest nothing. Used by one thread.
 */
final class GuestWatch {
    private static final Duration LOOK_AGAIN = Duration.ofMillis(20);
    private static final long PAGE_BYTES = 4096;
    private static final String TIME_UNIT = "calc-time-unit";
    private static final long GIB = 1L << 30;
    private static final long SHORTEST_MILLIS = 50;

    /** QEMU samples no RAM block of less than half of that. */
    private static final long SMALL_GUEST_BYTES = 256L << 20;

    /** Of each GiB; more make the guest's pages slower to hash and the figure only little better. */
    private static final int SAMPLE_PAGES = 4096;

    /** With {@code dirty-limit} the guest may dirty so much of what is sent. */
    private static final double LIMIT_SHARE = 0.4;

    /** A guest of whose pages nothing is known: all are sent, or hardly any. */
    private static final Estimate UNKNOWN_SHARE = new Estimate(0, 0, 0.9);

    private final QmpClient client;
    private final StoppingRule rule;
    private final long totalBytes;
    private final int vcpus;
    private final List<DirtyCurve.Point> points = new ArrayList<>();
    private Estimate zeroShare;
    private boolean tellsCurves;

    /** A QEMU before 8.2 measures for whole seconds and knows no {@code calc-time-unit}. */
    private boolean inSeconds;

    GuestWatch(QmpClient client) {
        this.client = client;
        tellsCurves = client.isGodwit();
        rule = client.isGodwit() ? StoppingRule.GODWIT : StoppingRule.QEMU;
        if (client.isGodwit()) {
            JsonNode guest = client.execute("x-godwit-guest", Addresses.PATIENCE);
            totalBytes = guest.path("memory-bytes").asLong(0);
            vcpus = Math.max(1, guest.path("vcpus").size());
        } else {
            JsonNode memory = client.execute("query-memory-size-summary", Addresses.PATIENCE);
            totalBytes = memory.path("base-memory").asLong(0)
                    + memory.path("plugged-memory").asLong(0);
            vcpus = Math.max(
                    1, client.execute("query-cpus-fast", Addresses.PATIENCE).size());
        }
        if (totalBytes <= 0) {
            throw new CommandFailure("The guest at " + client.address() + " has no memory to migrate.");
        }
        JsonNode migration = client.execute("query-migrate", Addresses.PATIENCE);
        requireMigratable(migration);
        zeroShare = shareOfAnEarlierAttempt(migration).orElse(UNKNOWN_SHARE);
    }

    private void requireMigratable(JsonNode migration) {
        List<String> reasons = migration.path("blocked-reasons").values().stream()
                .map(reason -> reason.asString(""))
                .toList();
        if (!reasons.isEmpty()) {
            throw new CommandFailure(
                    "The guest at " + client.address() + " cannot be migrated: " + String.join("; ", reasons) + ".");
        }
    }

    /** Whether the share of zero pages is more than a guess. */
    boolean knowsZeroPages() {
        return !zeroShare.equals(UNKNOWN_SHARE);
    }

    /** What has been seen so far. */
    GuestProfile profile() {
        return new GuestProfile(totalBytes, zeroShare, DirtyCurve.of(points, totalBytes / PAGE_BYTES), vcpus);
    }

    /** Under what conditions it would migrate; the other parameters are as a host begins. */
    Conditions conditions(Link link, long downtimeLimitMillis) {
        long perVcpu = (long) (link.bytesPerSecond() * LIMIT_SHARE / profile().vcpus());
        MigrationParameters parameters = MigrationParameters.DEFAULTS
                .with(MigrationParameter.DOWNTIME_LIMIT, downtimeLimitMillis)
                .with(MigrationParameter.VCPU_DIRTY_LIMIT, Math.max(1, perVcpu >> 20));
        return new Conditions(rule, parameters);
    }

    /** Watches for about that long. */
    void watch(long millis) {
        if (tellsCurves) {
            try {
                JsonNode answer = measure(
                        Json.object().put("mode", "dirty-bitmap").set("x-intervals", intervals(millis)), millis);
                take(answer, millis, true);
                return;
            } catch (QmpException e) {
                tellsCurves = false;
            }
        }
        try {
            measureParts(millis);
        } catch (QmpException e) {
            if (inSeconds || !String.valueOf(e.getMessage()).contains(TIME_UNIT)) {
                throw e;
            }
            inSeconds = true;
            measureParts(millis);
        }
    }

    private void measureParts(long millis) {
        boolean sampled = !client.isGodwit() && totalBytes >= SMALL_GUEST_BYTES;
        if (inSeconds && !sampled) {
            requireKvm();
        }
        for (long part : parts(millis)) {
            ObjectNode how = Json.object().put("mode", sampled ? "page-sampling" : "dirty-bitmap");
            if (sampled) {
                how.put("sample-pages", SAMPLE_PAGES);
            }
            take(measure(how, part), part, !sampled);
        }
    }

    /** QEMU 7.2's emulator, asked what its guest writes page by page, ends with SIGSEGV, and the guest with it. */
    private void requireKvm() {
        if (!client.execute("query-kvm", Addresses.PATIENCE).path("enabled").asBoolean(false)) {
            throw new CommandFailure("The guest at " + client.address() + " has "
                    + ByteSize.binary(totalBytes) + ", too little for QEMU to sample its pages, and this old QEMU does"
                    + " not survive being asked for more without KVM. Its migration cannot be foretold.");
        }
    }

    /** The intervals of one measurement; a Godwit takes eight. */
    private static ArrayNode intervals(long millis) {
        TreeSet<Long> chosen = new TreeSet<>();
        for (long some : List.of(10L, 30L, 100L, 300L, millis / 3, millis / 2, millis * 3 / 4, millis)) {
            if (some > 0 && some <= millis) {
                chosen.add(some);
            }
        }
        ArrayNode intervals = Json.array();
        chosen.forEach(intervals::add);
        return intervals;
    }

    /** Measurements one after the other: short ones first while nothing is known, long ones later. */
    private List<Long> parts(long millis) {
        if (inSeconds) {
            long seconds = Math.max(1, millis / 1000);
            return seconds < 3 ? List.of(seconds * 1000) : List.of(seconds / 3 * 1000, (seconds - seconds / 3) * 1000);
        }
        List<Long> parts = points.isEmpty()
                ? List.of(millis / 20, millis / 10, millis / 4, millis / 2)
                : List.of(millis / 3, millis - millis / 3);
        return parts.stream().map(part -> Math.max(SHORTEST_MILLIS, part)).toList();
    }

    private JsonNode measure(ObjectNode how, long millis) {
        ObjectNode unit = inSeconds ? Json.object() : Json.object().put(TIME_UNIT, "millisecond");
        ObjectNode arguments = how.setAll(unit).put("calc-time", inSeconds ? millis / 1000 : millis);
        client.execute("calc-dirty-rate", arguments, Addresses.PATIENCE);
        long deadline = System.nanoTime() + millis * 1_000_000 + Addresses.PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            awaitAMoment();
            JsonNode answer = client.execute("query-dirty-rate", unit, Addresses.PATIENCE);
            if (answer.path("status").asString("").equals("measured")) {
                return answer;
            }
        }
        throw new CommandFailure("The host at " + client.address() + " has not measured the dirty rate of " + millis
                + " ms within " + (millis + Addresses.PATIENCE.toMillis()) + " ms.");
    }

    private void awaitAMoment() {
        try {
            var _ = client.nextEvent(LOOK_AGAIN);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted while the guest was watched.", e);
        }
    }

    private void take(JsonNode answer, long millis, boolean counted) {
        JsonNode share = answer.path("x-zero-share");
        if (share.isNumber()) {
            double value = Math.clamp(share.asDouble(), 0, 1);
            zeroShare = new Estimate(Math.max(0, value - 0.03), value, Math.min(1, value + 0.03));
        }
        JsonNode curve = answer.path("x-dirty-curve");
        for (JsonNode point : curve.values()) {
            long nanos = point.path("elapsed-nanos")
                    .asLong(point.path("interval-ms")
                                    .asLong(point.path("interval").asLong(0))
                            * 1_000_000);
            if (nanos > 0) {
                double pages = Math.max(0, point.path("pages").asDouble(0));
                points.add(new DirtyCurve.Point(nanos, Estimate.measured(pages, 0.03, 2)));
            }
        }
        if (curve.isEmpty()) {
            points.add(new DirtyCurve.Point(millis * 1_000_000, unique(answer, millis, counted)));
        }
    }

    /** A rate is of whole MiB a second; samples besides err as samples do. */
    private Estimate unique(JsonNode answer, long millis, boolean counted) {
        double total = (double) totalBytes / PAGE_BYTES;
        double pagesOfOneMib = (double) (1 << 20) / PAGE_BYTES * millis / 1000;
        double pages = Math.clamp(answer.path("dirty-rate").asDouble(0) * pagesOfOneMib, 0, total);
        if (counted) {
            return Estimate.measured(pages, 0.03, pagesOfOneMib);
        }
        double samples = Math.max(1, answer.path("sample-pages").asDouble(SAMPLE_PAGES) * totalBytes / GIB);
        double share = pages / total;
        double error = total * (2 * Math.sqrt(share * (1 - share) / samples) + 2 / samples);
        return Estimate.measured(pages, 0, error + pagesOfOneMib);
    }

    /** A migration that was tried before has counted the zero pages. */
    private Optional<Estimate> shareOfAnEarlierAttempt(JsonNode migration) {
        JsonNode ram = migration.path("ram");
        double normal = ram.path("normal").asDouble(0);
        double zero = ram.path("duplicate").asDouble(0);
        double total = (double) totalBytes / PAGE_BYTES;
        if (normal + zero < total) {
            return Optional.empty();
        }
        return Optional.of(Estimate.measured(Math.min(zero, total) / total * 0.9, 0.1, 0));
    }
}
