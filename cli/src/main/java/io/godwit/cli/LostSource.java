// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import java.time.Duration;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * What becomes of a migration whose source does not answer any more. The destination is asked, where it is known. What
 * cannot be known is said, with what to type next.
 *
 * @param source the source, which is gone or silent
 * @param destination whom to ask
 * @param patience how long a destination may take to end what a source left that is gone
 */
record LostSource(QmpClient source, Optional<QmpClient> destination, Duration patience) {
    /** The status of a migration of which nobody could say how it ended. */
    static final String UNKNOWN = "unknown";

    private static final Duration NEWS = Duration.ofMillis(200);
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /**
     * The last sample with how it ended, as far as is known: by the destination's word, or as {@link #UNKNOWN}. All but
     * {@code completed} have an error, which says what to do next.
     */
    MigrationSample settle(MigrationSample last, QmpConnectionException reason) {
        boolean gone = !source.isConnected();
        String start =
                gone ? "The source is gone: " + reason.getMessage() : "The source is silent: " + reason.getMessage();
        Optional<JsonNode> there = destination.flatMap(client -> ask(client, gone));
        String status = there.map(LostSource::status).orElse(UNKNOWN);
        if (status.equals("completed")) {
            return last.endedAs(status, Optional.empty());
        }
        String said = there.map(LostSource::said)
                .orElse(destination.isEmpty() ? "" : " The destination does not answer either.");
        if (!gone) {
            return last.endedAs(UNKNOWN, Optional.of(start + said + goesOn(last)));
        }
        return switch (status) {
            case "failed", "cancelled" ->
                last.endedAs(
                        status,
                        Optional.of(start + said + " The guest did not move: it ended with the source, or is there"
                                + " still if only QMP ended."));
            case "postcopy-paused" -> last.endedAs(status, Optional.of(start));
            default ->
                last.endedAs(
                        UNKNOWN,
                        Optional.of(start + said + " Only the destination knows whether it has the guest. There,"
                                + " query-migrate says completed if so"
                                + destination
                                        .map(client -> ":" + command(client.address(), "query-migrate"))
                                        .orElse(".")));
        };
    }

    /** Who has the guest, for the one who waits for a migration that was completed without its source's word. */
    String whoHasTheGuest() {
        boolean runs = destination
                .flatMap(client -> answer(client, "query-status"))
                .map(answer -> answer.path("running").asBoolean(false))
                .orElse(false);
        return "The source " + source.address() + (source.isConnected() ? " is silent" : " is gone")
                + ". The destination says that the migration is completed: the guest "
                + (runs ? "runs" : "is") + " there.";
    }

    /** What the destination says; of a source that is gone, when it has ended. */
    private Optional<JsonNode> ask(QmpClient client, boolean untilEnded) {
        long deadline = System.nanoTime() + patience.toNanos();
        try {
            while (true) {
                Optional<JsonNode> answer = answer(client, "query-migrate");
                boolean over = answer.map(MigrationSample::of)
                        .map(sample -> sample.isEnded() || sample.isPaused())
                        .orElse(true);
                if (!untilEnded || over || System.nanoTime() - deadline > 0) {
                    return answer;
                }
                var _ = client.nextEvent(NEWS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted.", e);
        }
    }

    private static Optional<JsonNode> answer(QmpClient client, String command) {
        try {
            return Optional.of(client.execute(command, PATIENCE));
        } catch (QmpConnectionException | QmpException e) {
            return Optional.empty();
        }
    }

    private static String status(JsonNode answer) {
        return answer.path("status").asString("none");
    }

    private static String said(JsonNode answer) {
        String reason = answer.path("error-desc").asString("");
        return " The destination says: " + status(answer) + (reason.isEmpty() ? "" : ": " + reason)
                + (reason.endsWith(".") ? "" : ".");
    }

    private String goesOn(MigrationSample last) {
        return " Nothing was cancelled: the migration goes on as soon as the source does. To look:"
                + command(source.address(), "query-migrate")
                + (last.isPostcopy()
                        ? System.lineSeparator() + "It cannot be cancelled: the guest is at the destination already."
                        : System.lineSeparator() + "To cancel:" + command(source.address(), "migrate_cancel"));
    }

    /** A QMP command as a line to type. */
    private static String command(QmpAddress address, String name) {
        String socket = switch (address) {
            case QmpAddress.Unix unix -> "UNIX-CONNECT:" + unix.path();
            case QmpAddress.Tcp tcp -> "TCP:" + tcp.toString().substring("tcp:".length());
        };
        return System.lineSeparator() + "  echo '{\"execute\":\"qmp_capabilities\"}{\"execute\":\"" + name
                + "\"}' | socat -t 5 - " + socket;
    }
}
