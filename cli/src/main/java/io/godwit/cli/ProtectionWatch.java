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
        Optional<MigrationSample> now = sample(pair.primary());
        while (now.map(MigrationSample::isProtected).orElse(false)) {
            if (System.nanoTime() - told >= LINE_NANOS) {
                told = System.nanoTime();
                show(now.get());
            }
            Optional<QmpEvent> _ = Protecting.pause(pair.primary());
            now = sample(pair.primary());
        }
        String end = ending(now);
        if (json) {
            say(new String(Json.write(Json.object().put("status", "ended").put("note", end)), StandardCharsets.UTF_8));
        } else {
            say(end);
        }
        return 0;
    }

    private void show(MigrationSample sample) {
        if (json) {
            ObjectNode line =
                    Json.object().put("status", sample.status()).put("totalTimeMillis", sample.totalTimeMillis());
            sample.colo().ifPresent(colo -> line.set("colo", colo.toJson()));
            sample.error().ifPresent(error -> line.put("error", error));
            say(new String(Json.write(line), StandardCharsets.UTF_8));
        } else {
            say(sample.error().orElseGet(sample::protectionLine));
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
            return Optional.of(Protecting.sample(host));
        } catch (QmpConnectionException e) {
            return Optional.empty();
        }
    }

    private static boolean runs(QmpClient host) {
        try {
            return host.execute("query-status", Addresses.PATIENCE)
                    .path("running")
                    .asBoolean(false);
        } catch (QmpConnectionException | QmpException e) {
            return false;
        }
    }

    private void say(String line) {
        out.println(line);
        out.flush();
    }
}
