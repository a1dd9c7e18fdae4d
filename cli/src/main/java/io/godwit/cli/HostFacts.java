// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import java.util.HashSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * What a host says of itself before its guest is protected.
 *
 * @param godwit whether it is Godwit, and no QEMU
 * @param version of a QEMU
 * @param status of its guest
 * @param migration status of its latest migration; {@code none} if there was none
 * @param listensAt where it waits for a guest already
 * @param hasColo whether it knows COLO at all
 * @param switchedOn its capabilities that are on
 * @param machine the guest's machine type; empty where it is not told
 * @param memoryBytes the guest's memory, here or awaited; 0 where whatever comes is kept
 */
record HostFacts(
        boolean godwit,
        Version version,
        String status,
        String migration,
        Optional<String> listensAt,
        boolean hasColo,
        Set<String> switchedOn,
        Optional<String> machine,
        OptionalLong memoryBytes) {
    /** Of a QEMU. */
    record Version(int major, int minor, int micro) implements Comparable<Version> {
        static Version of(JsonNode told) {
            return new Version(
                    told.path("major").asInt(0),
                    told.path("minor").asInt(0),
                    told.path("micro").asInt(0));
        }

        /** Whether it is of this release or a later one. */
        boolean isAtLeast(int wantedMajor, int wantedMinor, int wantedMicro) {
            return compareTo(new Version(wantedMajor, wantedMinor, wantedMicro)) >= 0;
        }

        @Override
        public int compareTo(Version other) {
            return Long.compare(weight(), other.weight());
        }

        private long weight() {
            return (major * 1000L + minor) * 1000 + micro;
        }

        @Override
        public String toString() {
            return major + "." + minor + "." + micro;
        }
    }

    /** The machine type of a Godwit that keeps whatever arrives. */
    static final String OPAQUE = "opaque";

    /** Asks a host. */
    static HostFacts of(QmpClient client) {
        JsonNode migration = client.execute("query-migrate", Addresses.PATIENCE);
        Set<String> on = new HashSet<>();
        for (JsonNode capability :
                client.execute("query-migrate-capabilities", Addresses.PATIENCE).values()) {
            if (capability.path("state").asBoolean(false)) {
                on.add(capability.path("capability").asString(""));
            }
        }
        Optional<JsonNode> guest = client.isGodwit() ? ask(client, "x-godwit-guest") : Optional.empty();
        return new HostFacts(
                client.isGodwit(),
                Version.of(client.greeting().path("QMP").path("version").path("qemu")),
                client.execute("query-status", Addresses.PATIENCE)
                        .path("status")
                        .asString("unknown"),
                migration.path("status").asString("none"),
                listener(migration),
                client.execute("query-commands", Addresses.PATIENCE).values().stream()
                        .anyMatch(command -> command.path("name").asString("").equals("x-colo-lost-heartbeat")),
                Set.copyOf(on),
                client.isGodwit() ? guest.flatMap(one -> text(one.path("kind"))) : machine(client),
                (client.isGodwit() ? guest : ask(client, "query-memory-size-summary"))
                        .map(one -> one.path(client.isGodwit() ? "memory-bytes" : "base-memory"))
                        .filter(JsonNode::isIntegralNumber)
                        .map(bytes -> OptionalLong.of(bytes.asLong()))
                        .orElse(OptionalLong.empty()));
    }

    /** Where a host listens, as a URI. */
    static Optional<String> listener(JsonNode queryMigrate) {
        JsonNode address = queryMigrate.path("socket-address").path(0);
        return switch (address.path("type").asString("")) {
            case "inet" -> {
                String host = address.path("host").asString("");
                yield Optional.of("tcp:" + (host.contains(":") ? "[" + host + "]" : host) + ":"
                        + address.path("port").asString(""));
            }
            case "unix" -> Optional.of("unix:" + address.path("path").asString(""));
            default -> Optional.empty();
        };
    }

    /** {@code pc-q35-10.0} and the like. */
    private static Optional<String> machine(QmpClient qemu) {
        try {
            return text(qemu.execute(
                            "qom-get",
                            Json.object().put("path", "/machine").put("property", "type"),
                            Addresses.PATIENCE))
                    .map(type -> type.replaceFirst("-machine$", ""));
        } catch (QmpException e) {
            return Optional.empty();
        }
    }

    private static Optional<JsonNode> ask(QmpClient client, String command) {
        try {
            return Optional.of(client.execute(command, Addresses.PATIENCE));
        } catch (QmpException e) {
            return Optional.empty();
        }
    }

    private static Optional<String> text(JsonNode value) {
        return value.isString() ? Optional.of(value.asString("")) : Optional.empty();
    }

    /** What it is. */
    String kind() {
        return godwit ? "Godwit" : "QEMU " + version;
    }
}
