// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What one side says of itself, each answer under a name. What it does not know is missing, and rules about it are
 * silent: a Godwit has no devices to be asked for.
 */
public final class Side {
    private static final List<String> QUERIES = List.of(
            "query-version",
            "query-status",
            "query-migrate",
            "query-migrate-capabilities",
            "query-migrate-parameters",
            "query-kvm",
            "query-target",
            "query-memory-size-summary",
            "query-memory-devices",
            "query-cpus-fast",
            "query-block",
            "query-pci",
            "query-machines");

    /** A line of {@code info ramblock}: name, page size, offset, used, total. */
    private static final Pattern RAM_BLOCK =
            Pattern.compile("\\s*(\\S+)\\s+(\\d+) ([KMG])iB\\s+0x\\p{XDigit}+\\s+0x(\\p{XDigit}+)\\s+.*");

    private final String address;
    private final boolean here;
    private final Map<String, JsonNode> answers;

    /**
     * What a side said.
     *
     * @param address where it was asked
     * @param here whether it runs on this host, as far as the address tells
     */
    Side(String address, boolean here, Map<String, JsonNode> answers) {
        this.address = address;
        this.here = here;
        this.answers = Map.copyOf(answers);
    }

    /** A RAM block: bytes in use, bytes of a page. */
    record Block(long usedBytes, long pageBytes) {}

    /**
     * Asks; nothing is changed.
     *
     * @throws io.godwit.control.QmpConnectionException if it stops answering
     */
    public static Side ask(QmpClient client, Duration patience) {
        Map<String, JsonNode> answers = new HashMap<>();
        for (String query : QUERIES) {
            ask(client, patience, query, Json.object()).ifPresent(answer -> answers.put(query, answer));
        }
        property(client, patience, "/machine", "type").ifPresent(type -> answers.put("machine-type", type));
        property(client, patience, "/machine", "memory").ifPresent(memory -> answers.put("machine-memory", memory));
        String cpu = Optional.ofNullable(answers.get("query-cpus-fast"))
                .map(cpus -> cpus.path(0).path("qom-path").asString(""))
                .orElse("");
        if (!cpu.isEmpty()) {
            property(client, patience, cpu, "type").ifPresent(type -> answers.put("cpu-type", type));
            property(client, patience, cpu, "feature-words").ifPresent(words -> answers.put("cpu-words", words));
        }
        ask(client, patience, "human-monitor-command", Json.object().put("command-line", "info ramblock"))
                .ifPresent(blocks -> answers.put("ram-blocks", blocks));
        return new Side(client.address().toString(), isHere(client.address()), answers);
    }

    private static Optional<JsonNode> property(QmpClient client, Duration patience, String path, String name) {
        return ask(client, patience, "qom-get", Json.object().put("path", path).put("property", name));
    }

    private static Optional<JsonNode> ask(QmpClient client, Duration patience, String command, ObjectNode arguments) {
        try {
            return Optional.of(client.execute(command, arguments, patience));
        } catch (QmpException e) {
            return Optional.empty();
        }
    }

    private static boolean isHere(QmpAddress address) {
        return switch (address) {
            case QmpAddress.Unix _ -> true;
            case QmpAddress.Tcp(String host, int _) ->
                host.isEmpty() || host.equals("localhost") || host.startsWith("127.") || host.equals("::1");
            case QmpAddress.Libvirt(String _, Optional<String> uri) ->
                isHere(uri, Optional.ofNullable(System.getenv("LIBVIRT_DEFAULT_URI")));
        };
    }

    /** By libvirt's URI: the one that was named, else the environment's, else libvirt's own, which is local. */
    static boolean isHere(Optional<String> named, Optional<String> environment) {
        return named.or(() -> environment.filter(text -> !text.isBlank()))
                .map(text -> text.contains(":///"))
                .orElse(true);
    }

    /** Where it answers. */
    String address() {
        return address;
    }

    /** Whether it runs on this host, as far as the address tells. */
    boolean isHere() {
        return here;
    }

    /** Whether it is Godwit. */
    boolean isGodwit() {
        return at("query-version").path("package").asString("").startsWith("Godwit");
    }

    /** An answer; one that is missing has no members. */
    JsonNode at(String name) {
        return answers.getOrDefault(name, Json.object());
    }

    private Optional<String> text(String name) {
        return Optional.ofNullable(answers.get(name))
                .map(node -> node.asString(""))
                .filter(text -> !text.isEmpty());
    }

    /** {@code pc-q35-10.0}. */
    Optional<String> machine() {
        return text("machine-type").map(type -> type.replaceAll("-machine$", ""));
    }

    /** The CPU's model, without the architecture. */
    Optional<String> cpuModel() {
        return text("cpu-type").map(type -> type.replaceAll("-[^-]*-cpu$", ""));
    }

    /** {@code 10.0.2}, in numbers; nothing for a Godwit, whose number is not QEMU's. */
    Optional<int[]> qemuVersion() {
        JsonNode qemu = at("query-version").path("qemu");
        return isGodwit() || !qemu.isObject()
                ? Optional.empty()
                : Optional.of(new int[] {
                    qemu.path("major").asInt(0),
                    qemu.path("minor").asInt(0),
                    qemu.path("micro").asInt(0)
                });
    }

    /** The run state, as {@code running}. */
    String status() {
        return at("query-status").path("status").asString("unknown");
    }

    /** Whether its guest runs. */
    public boolean isRunning() {
        return status().equals("running");
    }

    /** Its limit in bytes a second; 0 for none. */
    public long maxBandwidth() {
        return at("query-migrate-parameters").path("max-bandwidth").asLong(0);
    }

    /** The migration's status; empty if there was none. */
    String migration() {
        return at("query-migrate").path("status").asString("");
    }

    /** Capabilities and whether they are on, in the side's order. */
    Map<String, Boolean> capabilities() {
        Map<String, Boolean> all = new LinkedHashMap<>();
        for (JsonNode one : at("query-migrate-capabilities").values()) {
            all.put(one.path("capability").asString(""), one.path("state").asBoolean(false));
        }
        return all;
    }

    boolean has(String capability) {
        return capabilities().getOrDefault(capability, false);
    }

    /** A parameter as text; nothing if the side has none of this name. */
    Optional<String> parameter(String name) {
        JsonNode value = at("query-migrate-parameters").path(name);
        return value.isMissingNode()
                ? Optional.empty()
                : Optional.of(value.isString() ? value.stringValue() : value.toString());
    }

    /** The RAM blocks, by name. */
    Map<String, Block> blocks() {
        Map<String, Block> blocks = new LinkedHashMap<>();
        text("ram-blocks")
                .ifPresent(text -> text.lines().forEach(line -> {
                    Matcher matcher = RAM_BLOCK.matcher(line);
                    if (matcher.matches()) {
                        long unit = 1L << (10 * ("KMG".indexOf(matcher.group(3)) + 1));
                        blocks.put(
                                matcher.group(1),
                                new Block(
                                        Long.parseLong(matcher.group(4), 16), Long.parseLong(matcher.group(2)) * unit));
                    }
                }));
        return blocks;
    }

    /** The names of machines that its QEMU can be. */
    Set<String> machines() {
        Set<String> names = new TreeSet<>();
        at("query-machines")
                .values()
                .forEach(machine -> names.add(machine.path("name").asString("")));
        return names;
    }

    /**
     * Bridges with a number for the bus behind them, by their place. The guest's firmware gives it, so that a waiting
     * destination has none: its QEMU then names no device behind the bridge, though there may be some.
     */
    Set<String> pciBridges() {
        Set<String> bridges = new TreeSet<>();
        at("query-pci").values().forEach(bus -> addBridges(bus, bridges));
        return bridges;
    }

    private static void addBridges(JsonNode bus, Set<String> bridges) {
        for (JsonNode device : bus.path("devices").values()) {
            JsonNode bridge = device.path("pci_bridge");
            if (bridge.path("bus").path("secondary").asInt(0) != 0) {
                bridges.add(place(device));
                addBridges(bridge, bridges);
            }
        }
    }

    /**
     * PCI devices by their place: {@code bus:slot.function}, with what is there.
     *
     * @param bridges behind which devices are named too
     */
    Map<String, String> pciDevices(Set<String> bridges) {
        Map<String, String> devices = new LinkedHashMap<>();
        at("query-pci").values().forEach(bus -> addDevices(bus, bridges, devices));
        return devices;
    }

    private static void addDevices(JsonNode bus, Set<String> bridges, Map<String, String> devices) {
        for (JsonNode device : bus.path("devices").values()) {
            String place = place(device);
            JsonNode id = device.path("id");
            String name = device.path("class_info").path("desc").asString("device")
                    + " %04x:%04x"
                            .formatted(
                                    id.path("vendor").asInt(0),
                                    id.path("device").asInt(0));
            devices.put(place, name);
            if (bridges.contains(place)) {
                addDevices(device.path("pci_bridge"), bridges, devices);
            }
        }
    }

    private static String place(JsonNode device) {
        return "%02x:%02x.%x"
                .formatted(
                        device.path("bus").asInt(0),
                        device.path("slot").asInt(0),
                        device.path("function").asInt(0));
    }
}
