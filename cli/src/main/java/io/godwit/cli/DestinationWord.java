// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * What a destination says of a migration.
 *
 * @param status by QEMU's name
 * @param reason why it failed or is paused; empty if it is neither
 */
record DestinationWord(String status, String reason) {
    private static final Duration NEWS = Duration.ofMillis(200);

    /** Asks until the migration has ended there or is paused, or so long; empty if there is no answer. */
    static Optional<DestinationWord> of(QmpClient destination, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        try {
            while (true) {
                Optional<JsonNode> answer = answer(destination, "query-migrate");
                boolean over = answer.map(MigrationSample::of)
                        .map(sample -> sample.isEnded() || sample.isPaused())
                        .orElse(true);
                if (over || System.nanoTime() - deadline > 0) {
                    return answer.map(said -> new DestinationWord(
                            said.path("status").asString("none"),
                            said.path("error-desc").asString("")));
                }
                var _ = destination.nextEvent(NEWS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted.", e);
        }
    }

    /** Whether the guest runs there. */
    static boolean isRunning(QmpClient destination) {
        return answer(destination, "query-status")
                .map(answer -> answer.path("running").asBoolean(false))
                .orElse(false);
    }

    private static Optional<JsonNode> answer(QmpClient client, String command) {
        try {
            return Optional.of(client.execute(command, Addresses.PATIENCE));
        } catch (QmpConnectionException | QmpException e) {
            return Optional.empty();
        }
    }

    /** The same in words, to add to a sentence. */
    String sentence() {
        return MigrationException.withFullStop(
                " The destination says: " + status + (reason.isEmpty() ? "" : ": " + reason));
    }
}
