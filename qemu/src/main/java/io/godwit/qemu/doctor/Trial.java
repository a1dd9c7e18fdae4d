// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import java.time.Duration;
import java.util.Set;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Begins a migration to nowhere, as slow as it can be, and cancels it: QEMU then says what it says of none that has not
 * begun. It cannot reach its end, so the guest is never stopped. The parameters are put back.
 */
public final class Trial {
    /** The first pass of any guest takes minutes. */
    private static final long BYTES_PER_SECOND = 4096;

    private static final Duration LOOK_AGAIN = Duration.ofMillis(20);

    /** LIMIT: a setup that takes longer is left. */
    private static final Duration LONGEST = Duration.ofSeconds(10);

    private static final Set<String> ENDED = Set.of("failed", "cancelled", "completed");

    private final QmpClient source;
    private final Duration patience;

    private Trial(QmpClient source, Duration patience) {
        this.source = source;
        this.patience = patience;
    }

    /**
     * Tries. The source's migration is {@code cancelled} afterwards.
     *
     * @param side what the source said, with its parameters
     */
    public static Stream<Finding> of(QmpClient source, Side side, Duration patience) {
        Trial trial = new Trial(source, patience);
        if (!side.isHere()) {
            return trial.run(side, "exec:cat >/dev/null");
        }
        try (DiscardSink sink = new DiscardSink()) {
            return trial.run(side, sink.uri());
        }
    }

    private Stream<Finding> run(Side side, String uri) {
        JsonNode before = side.at("query-migrate-parameters");
        ObjectNode slow = Json.object().put("max-bandwidth", BYTES_PER_SECOND).put("downtime-limit", 0);
        ObjectNode asBefore = Json.object()
                .put("max-bandwidth", before.path("max-bandwidth").asLong(0))
                .put("downtime-limit", before.path("downtime-limit").asLong(0));
        source.execute("migrate-set-parameters", slow, patience);
        try {
            source.execute("migrate", Json.object().put("uri", uri), patience);
            JsonNode seen = await(true);
            if (!ENDED.contains(status(seen))) {
                source.execute("migrate_cancel", patience);
                String end = status(await(false));
                if (end.equals("completed") && side.isRunning()) {
                    return goOn();
                }
            }
            return outcome(seen);
        } catch (QmpException e) {
            return Stream.of(refused(String.valueOf(e.getMessage())));
        } finally {
            source.execute("migrate-set-parameters", asBefore, patience);
        }
    }

    private Stream<Finding> outcome(JsonNode seen) {
        return switch (status(seen)) {
            case "failed" -> Stream.of(refused(seen.path("error-desc").asString("it gave no reason")));
            case "setup" ->
                Stream.of(Finding.risk(
                        "trial",
                        "A migration on trial was still being set up after " + LONGEST.toSeconds() + " s.",
                        "See what QEMU waits for: query-migrate, its log."));
            default ->
                Stream.of(Finding.note(
                        "trial",
                        "A migration on trial began, and was cancelled; the guest was not stopped.",
                        "Nothing has to be done."));
        };
    }

    /** Somebody else has lifted the limit, as libvirt does when it saves a domain. */
    private Stream<Finding> goOn() {
        source.execute("cont", patience);
        return Stream.of(Finding.risk(
                "trial",
                "A migration on trial reached its end, which stopped the guest; it goes on again.",
                "Find out who changes max-bandwidth, and have it wait."));
    }

    private static Finding refused(String reason) {
        return Finding.stops(
                "trial",
                "A migration on trial failed: " + reason + (reason.endsWith(".") ? "" : "."),
                "Mend that, then try again.");
    }

    /** What the migration says once it is set up, or has ended. */
    private JsonNode await(boolean begun) {
        long deadline = System.nanoTime() + LONGEST.toNanos();
        JsonNode answer = source.execute("query-migrate", patience);
        while (System.nanoTime() < deadline
                && !ENDED.contains(status(answer))
                && !(begun
                        && status(answer).equals("active")
                        && answer.path("ram").isObject())) {
            try {
                var _ = source.nextEvent(LOOK_AGAIN);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return answer;
            }
            answer = source.execute("query-migrate", patience);
        }
        return answer;
    }

    private static String status(JsonNode migration) {
        return migration.path("status").asString("");
    }
}
