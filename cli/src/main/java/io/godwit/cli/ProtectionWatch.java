// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpEvent;
import io.godwit.control.QmpException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.node.ObjectNode;

/** Tells of a protected guest until protection has ended, and then who has the guest. */
final class ProtectionWatch {
    private static final long LINE_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final Duration ANSWER_PATIENCE = Duration.ofSeconds(2);
    private static final Duration END_PATIENCE = Duration.ofSeconds(30);

    private final Protecting pair;
    private final boolean json;
    private final PrintWriter out;

    ProtectionWatch(Protecting pair, boolean json, PrintWriter out) {
        this.pair = pair;
        this.json = json;
        this.out = out;
    }

    /**
     * Follows it.
     *
     * @return 0
     * @throws CommandFailure if nobody is known to have the guest afterwards
     */
    int follow() {
        long told = System.nanoTime() - LINE_NANOS;
        Optional<MigrationSample> primary = sample(pair.primary());
        Optional<MigrationSample> now = teller(primary);
        while (now.map(MigrationSample::isProtected).orElse(false)) {
            if (System.nanoTime() - told >= LINE_NANOS) {
                told = System.nanoTime();
                show(now.get(), primary.isPresent());
            }
            Optional<QmpEvent> _ = Protecting.pause(pair.primary());
            primary = sample(pair.primary());
            now = teller(primary);
        }
        String end = ending(primary);
        if (json) {
            say(new String(Json.write(Json.object().put("status", "ended").put("note", end)), StandardCharsets.UTF_8));
        } else {
            say(end);
        }
        return 0;
    }

    /** Who tells most: the primary, or the secondary of one that tells no figures or does not answer. */
    private Optional<MigrationSample> teller(Optional<MigrationSample> primary) {
        boolean tells = primary.map(told -> !told.isProtected() || told.colo().isPresent())
                .orElse(false);
        return tells
                ? primary
                : pair.secondary().flatMap(ProtectionWatch::sample).or(() -> primary);
    }

    private void show(MigrationSample sample, boolean primaryAnswers) {
        if (json) {
            ObjectNode line =
                    Json.object().put("status", sample.status()).put("totalTimeMillis", sample.totalTimeMillis());
            sample.colo().ifPresent(colo -> line.set("colo", colo.toJson()));
            sample.error().ifPresent(error -> line.put("error", error));
            line.put("primaryAnswers", primaryAnswers);
            say(new String(Json.write(line), StandardCharsets.UTF_8));
        } else {
            say(sample.error().orElseGet(sample::protectionLine)
                    + (primaryAnswers ? "" : "; the primary does not answer"));
        }
    }

    private String ending(Optional<MigrationSample> primary) {
        String why = primary.flatMap(MigrationSample::error)
                .map(error -> " It says: " + error)
                .orElse("");
        if (runs(pair.primary())) {
            return "Protection has ended: the guest goes on at the primary, alone." + why;
        }
        if (pair.secondary().isEmpty()) {
            throw new CommandFailure("Protection has ended, and the guest does not run at the primary; the secondary"
                    + " was not asked." + why);
        }
        QmpClient secondary = pair.secondary().get();
        long deadline = System.nanoTime() + END_PATIENCE.toNanos();
        Optional<MigrationSample> there = sample(secondary);
        while (there.map(MigrationSample::isProtected).orElse(false) && System.nanoTime() - deadline < 0) {
            Optional<QmpEvent> _ = Protecting.pause(secondary);
            there = sample(secondary);
        }
        if (there.map(MigrationSample::isCompleted).orElse(false) && runs(secondary)) {
            return "Protection has ended: the guest goes on at the secondary, alone." + why;
        }
        throw new CommandFailure("Protection has ended, and the guest runs at neither side." + why
                + there.map(sample -> " The secondary is '" + sample.status() + "'"
                                + sample.error().map(error -> ": " + error).orElse("."))
                        .orElse(" The secondary does not answer either."));
    }

    private static Optional<MigrationSample> sample(QmpClient host) {
        try {
            return Optional.of(MigrationSample.of(host.execute("query-migrate", ANSWER_PATIENCE)));
        } catch (QmpConnectionException e) {
            return Optional.empty();
        }
    }

    private static boolean runs(QmpClient host) {
        try {
            return host.execute("query-status", ANSWER_PATIENCE).path("running").asBoolean(false);
        } catch (QmpConnectionException | QmpException e) {
            return false;
        }
    }

    private void say(String line) {
        out.println(line);
        out.flush();
    }
}
