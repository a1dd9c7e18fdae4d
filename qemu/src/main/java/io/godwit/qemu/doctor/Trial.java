// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

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

    /** What QEMU says of the way that the trial's bytes go, which is not the way of a migration. */
    private static final Pattern TRANSPORT = Pattern.compile(
            "failed to connect|unable to (connect|write|read)|connection re|broken pipe|multi-?channel|handshake"
                    + "|transport|unreachable|failed to fork|no such file",
            Pattern.CASE_INSENSITIVE);

    /** Capabilities with which a migration to nowhere would be something else. */
    private static final List<String> OTHER_KINDS = List.of("background-snapshot", "mapped-ram");

    private static final List<String> MORE_CONNECTIONS = List.of("multifd", "postcopy-preempt");

    private final QmpClient source;
    private final Side side;
    private final Duration patience;
    private boolean begun;
    private boolean ended;
    private boolean wentThrough;

    Trial(QmpClient source, Side side, Duration patience) {
        this.source = source;
        this.side = side;
        this.patience = patience;
    }

    /**
     * Tries. The source's migration is {@code cancelled} afterwards, also if this fails or the process is told to end.
     *
     * @param side what the source said, with its parameters
     */
    public static Stream<Finding> of(QmpClient source, Side side, Duration patience) {
        Optional<String> reason = keptAway(side);
        if (reason.isPresent()) {
            return Stream.of(Finding.note(
                    "trial", "There was no migration on trial: " + reason.get() + ".", "Nothing has to be done."));
        }
        Trial trial = new Trial(source, side, patience);
        Thread atExit = new Thread(trial::end, "trial-end");
        Runtime.getRuntime().addShutdownHook(atExit);
        try {
            if (!side.isHere()) {
                return trial.run("exec:cat >/dev/null");
            }
            try (DiscardSink sink = new DiscardSink()) {
                return trial.run(sink.uri());
            }
        } finally {
            forget(atExit);
        }
    }

    private static void forget(Thread atExit) {
        try {
            boolean _ = Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            // The process ends, and it runs already.
        }
    }

    /** Why none can be made of this source, if so. */
    static Optional<String> keptAway(Side side) {
        Optional<String> kind = OTHER_KINDS.stream().filter(side::has).findFirst();
        if (kind.isPresent()) {
            return Optional.of(kind.get() + " is on, and QEMU would write something else");
        }
        if (side.parameter("tls-creds").filter(name -> !name.isEmpty()).isPresent()) {
            return Optional.of("tls-creds is set, and nobody here answers with TLS");
        }
        if (side.isHere()) {
            return Optional.empty();
        }
        if (side.address().startsWith("libvirt:")) {
            return Optional.of("libvirt's QEMU runs on another host, and may start no program there");
        }
        return MORE_CONNECTIONS.stream()
                .filter(side::has)
                .findFirst()
                .map(name -> name + " is on, and a program on another host takes one connection only");
    }

    Stream<Finding> run(String uri) {
        try {
            if (!begin(uri)) {
                return Stream.of();
            }
            JsonNode seen = await(true);
            String end = end();
            return Stream.of(
                    ENDED.contains(end) || end.equals("cancelling")
                            ? outcome(seen)
                            : Finding.risk(
                                    "trial",
                                    "A migration on trial does not end (" + end + "); max-bandwidth stays "
                                            + BYTES_PER_SECOND + " bytes/s.",
                                    "Cancel it with migrate_cancel, then set max-bandwidth and downtime-limit again."));
        } catch (QmpException e) {
            return Stream.of(refused(String.valueOf(e.getMessage())));
        } finally {
            String _ = end();
        }
    }

    /** Whether it began: not if the process is told to end meanwhile. */
    private synchronized boolean begin(String uri) {
        if (ended) {
            return false;
        }
        source.execute(
                "migrate-set-parameters",
                Json.object().put("max-bandwidth", BYTES_PER_SECOND).put("downtime-limit", 0),
                patience);
        begun = true;
        try {
            source.execute("migrate", Json.object().put("uri", uri), patience);
        } catch (QmpException e) {
            begun = false;
            throw e;
        }
        return true;
    }

    /** Once: cancels what has begun, awaits its end, and only then puts the parameters back. Gives the status. */
    private synchronized String end() {
        if (ended) {
            return "cancelled";
        }
        ended = true;
        boolean interrupted = Thread.interrupted();
        try {
            String status = begun ? cancel() : "cancelled";
            if (ENDED.contains(status) || status.equals("cancelling")) {
                putBack();
            }
            return status;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private String cancel() {
        if (!ENDED.contains(status(source.execute("query-migrate", patience)))) {
            source.execute("migrate_cancel", patience);
        }
        String status = status(await(false));
        // Somebody else has lifted the limit, as libvirt does when it saves a domain.
        wentThrough = status.equals("completed");
        if (wentThrough && side.isRunning()) {
            source.execute("cont", patience);
        }
        return status;
    }

    private void putBack() {
        JsonNode before = side.at("query-migrate-parameters");
        source.execute(
                "migrate-set-parameters",
                Json.object()
                        .put("max-bandwidth", before.path("max-bandwidth").asLong(0))
                        .put("downtime-limit", before.path("downtime-limit").asLong(0)),
                patience);
    }

    private synchronized Finding outcome(JsonNode seen) {
        if (wentThrough) {
            return Finding.risk(
                    "trial",
                    "A migration on trial reached its end, which stopped the guest"
                            + (side.isRunning() ? "; it goes on again." : "."),
                    "Find out who changes max-bandwidth, and have it wait.");
        }
        return switch (status(seen)) {
            case "failed" -> refused(seen.path("error-desc").asString("it gave no reason"));
            case "setup" ->
                Finding.risk(
                        "trial",
                        "A migration on trial was still being set up after " + LONGEST.toSeconds() + " s.",
                        "See what QEMU waits for: query-migrate, its log.");
            default ->
                Finding.note(
                        "trial",
                        "A migration on trial began, and was cancelled; the guest was not stopped.",
                        "Nothing has to be done.");
        };
    }

    private static Finding refused(String reason) {
        String sentence = MigrationException.withFullStop("A migration on trial failed: " + reason);
        return TRANSPORT.matcher(reason).find()
                ? Finding.note("trial", sentence, "That is the trial's own way out: it says nothing of a migration.")
                : Finding.stops("trial", sentence, "Mend that, then try again.");
    }

    /** What the migration says once it is set up, or has ended. */
    private JsonNode await(boolean setUp) {
        long deadline = System.nanoTime() + LONGEST.toNanos();
        JsonNode answer = source.execute("query-migrate", patience);
        while (System.nanoTime() < deadline && !ENDED.contains(status(answer)) && !(setUp && isSetUp(answer))) {
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

    private static boolean isSetUp(JsonNode answer) {
        return status(answer).equals("active") && answer.path("ram").isObject();
    }

    private static String status(JsonNode migration) {
        return migration.path("status").asString("");
    }
}
