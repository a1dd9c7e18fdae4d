// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code --set} and {@code --cap}: parameters and capabilities of a migration, by their QMP names. */
final class Settings {
    @Option(
            names = "--set",
            paramLabel = "NAME=VALUE",
            description = "A migration parameter, such as max-bandwidth=200M or downtime-limit=50.")
    private Map<String, String> parameters = new LinkedHashMap<>();

    @Option(
            names = "--cap",
            paramLabel = "NAME",
            split = ",",
            description = "Switch a migration capability on, such as pause-before-switchover or autopilot.")
    private List<String> capabilities = new ArrayList<>();

    /** A parameter for when the user names no value for it. */
    void setDefault(String name, String value) {
        parameters.putIfAbsent(name, value);
    }

    /** Sets the parameters at a host. */
    void applyParameters(QmpClient client) {
        if (parameters.isEmpty()) {
            return;
        }
        ObjectNode arguments = Json.object();
        parameters.forEach((name, value) -> put(arguments, name, value));
        set(client, "migrate-set-parameters", "--set", arguments);
    }

    /** Switches the capabilities on at a host, and those besides. */
    void applyCapabilities(QmpClient client, List<String> besides) {
        List<String> names = new ArrayList<>(besides);
        names.addAll(capabilities);
        if (names.isEmpty()) {
            return;
        }
        set(client, "migrate-set-capabilities", "--cap", switchedOn(names));
    }

    /**
     * Switches those on that are off at a host: one that listens already lets nothing be switched, and need not when
     * all is on.
     */
    void applyMissingCapabilities(QmpClient client, List<String> besides) {
        List<String> names = new ArrayList<>(besides);
        names.addAll(capabilities);
        for (JsonNode capability :
                client.execute("query-migrate-capabilities", Addresses.PATIENCE).values()) {
            if (capability.path("state").asBoolean(false)) {
                String name = capability.path("capability").asString("");
                // A Godwit answers with x- where QEMU's schema does not know the name.
                names.removeIf(wanted -> name.equals(wanted) || name.equals("x-" + wanted));
            }
        }
        if (names.isEmpty()) {
            return;
        }
        try {
            client.execute("migrate-set-capabilities", switchedOn(names), Addresses.PATIENCE);
        } catch (QmpException e) {
            throw new CommandFailure(
                    "The destination does not switch " + String.join(", ", names) + " on: " + e.getMessage()
                            + " A host that listens from its start takes capabilities there: godwit host --cap "
                            + String.join(",", names) + " --incoming URI.",
                    e);
        }
    }

    private static ObjectNode switchedOn(List<String> names) {
        ObjectNode arguments = Json.object();
        ArrayNode list = arguments.putArray("capabilities");
        for (String name : names) {
            list.add(Json.object().put("capability", name).put("state", true));
        }
        return arguments;
    }

    private static void set(QmpClient client, String command, String option, ObjectNode arguments) {
        try {
            client.execute(command, arguments, Addresses.PATIENCE);
        } catch (QmpException e) {
            throw new CommandFailure(option + " was refused by the host: " + e.getMessage(), e);
        }
    }

    /** QMP is typed: what looks like a number or a truth value is one, sizes included; all else is a string. */
    static void put(ObjectNode arguments, String name, String value) {
        if (value.equals("true") || value.equals("false") || value.equals("on") || value.equals("off")) {
            arguments.put(name, value.equals("true") || value.equals("on"));
        } else if (value.matches("\\d+[KMGTkmgt]?")) {
            try {
                arguments.put(name, ByteSize.parse(value));
            } catch (TypeConversionException e) {
                throw new CommandFailure("--set " + name + "=" + value + ": " + e.getMessage() + ".", e);
            }
        } else {
            arguments.put(name, value);
        }
    }
}
