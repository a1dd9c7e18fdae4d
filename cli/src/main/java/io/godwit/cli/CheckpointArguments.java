// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** When {@code protect} makes checkpoints; what is not said stays as the primary has it. */
final class CheckpointArguments {
    @Option(
            names = "--delay",
            paramLabel = "TIME",
            converter = AdviseCommand.Milliseconds.class,
            description = "From one checkpoint to the next at most: 500, 500ms or 2s (x-checkpoint-delay).")
    private @Nullable Long delayMillis;

    @Option(
            names = "--min-delay",
            paramLabel = "TIME",
            converter = AdviseCommand.Milliseconds.class,
            description =
                    "At least, when the interval shall adapt to what checkpoints cost" + " (x-checkpoint-min-delay).")
    private @Nullable Long minDelayMillis;

    @Option(
            names = "--heartbeat-timeout",
            paramLabel = "TIME",
            converter = AdviseCommand.Milliseconds.class,
            description = "How long the other side may be silent before it counts as lost (x-colo-heartbeat-timeout).")
    private @Nullable Long heartbeatTimeoutMillis;

    @Option(
            names = "--periodic",
            description = "Let the secondary's guest stand still: nothing is compared, and outputs wait for the next"
                    + " checkpoint (x-colo-periodic).")
    private boolean periodic;

    boolean isPeriodic() {
        return periodic;
    }

    /** The parameters that were asked for. */
    List<String> names() {
        return List.copyOf(parameters().propertyNames());
    }

    /** Sets them. */
    void apply(QmpClient primary) {
        ObjectNode parameters = parameters();
        if (parameters.isEmpty()) {
            return;
        }
        try {
            primary.execute("migrate-set-parameters", parameters, Addresses.PATIENCE);
        } catch (QmpException e) {
            throw new CommandFailure("The primary does not take the settings: " + e.getMessage(), e);
        }
    }

    private ObjectNode parameters() {
        ObjectNode parameters = Json.object();
        put(parameters, "x-checkpoint-delay", delayMillis);
        put(parameters, "x-checkpoint-min-delay", minDelayMillis);
        put(parameters, "x-colo-heartbeat-timeout", heartbeatTimeoutMillis);
        if (periodic) {
            parameters.put("x-colo-periodic", true);
        }
        return parameters;
    }

    private static void put(ObjectNode parameters, String name, @Nullable Long value) {
        if (value != null) {
            parameters.put(name, value);
        }
    }
}
