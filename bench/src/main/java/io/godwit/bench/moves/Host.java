// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A process that hosts one guest and answers QMP: {@code godwit host} or QEMU. */
final class Host implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final long NO_LIMIT = 100_000_000_000L;
    private static final long MIGRATION_SECONDS = 900;

    private final Path directory;
    private final String address;
    private final ChildProcess process;
    private final QmpClient qmp;
    private final List<QmpEvent> seen = new ArrayList<>();

    private Host(Path directory, ChildProcess process, Path socket, Wire wire) {
        this.directory = directory;
        this.address = wire.address();
        this.process = process;
        this.qmp = QmpClient.connect(new QmpAddress.Unix(socket), PATIENCE);
    }

    /** The arguments of a Godwit host that waits for this guest, and to be told to {@link #listen}. */
    static List<String> waitingFor(List<String> guest) {
        List<String> arguments = new ArrayList<>(guest);
        arguments.addAll(List.of("--incoming", "defer"));
        return arguments;
    }

    /** A Godwit host, ready. */
    static Host godwit(List<String> arguments) throws Exception {
        return godwit(arguments, "");
    }

    /** A Godwit host, ready, whose JVM has these options besides. */
    static Host godwit(List<String> arguments, String javaOptions) throws Exception {
        return godwit(arguments, javaOptions, Wire.loopback());
    }

    /** The same at the far end of a wire. */
    static Host godwit(List<String> arguments, String javaOptions, Wire wire) throws Exception {
        Path directory = Files.createTempDirectory("godwit-bench-");
        List<String> command = new ArrayList<>(List.of(
                System.getProperty("godwit.launcher", "./godwit"), "host", "--qmp", "unix:" + directory + "/qmp"));
        command.addAll(arguments);
        return ready(directory, command, "ready: ", Map.of("GODWIT_JAVA_OPTIONS", javaOptions), wire);
    }

    /**
     * A QEMU that runs the load for it, or waits to be told to {@link #listen}.
     *
     * @param options of the load
     */
    static Host qemu(String memory, String options, boolean incoming) throws Exception {
        return qemu(memory, options, incoming, Wire.loopback());
    }

    /** The same at the far end of a wire. */
    static Host qemu(String memory, String options, boolean incoming, Wire wire) throws Exception {
        return qemu("kvm", memory, options + " ring=3", incoming, wire);
    }

    /** The same without KVM: QEMU interprets its guest, whose writes cost no more while they are tracked. */
    static Host softwareQemu(String memory, String options, boolean incoming) throws Exception {
        return qemu("tcg", memory, options, incoming, Wire.loopback());
    }

    private static Host qemu(String accelerator, String memory, String options, boolean incoming, Wire wire)
            throws Exception {
        Path directory = Files.createTempDirectory("godwit-bench-");
        String root = System.getProperty("godwit.root", ".");
        List<String> command = new ArrayList<>(List.of(
                "qemu-system-x86_64",
                "-accel",
                accelerator,
                "-machine",
                "pc",
                "-m",
                memory,
                "-nodefaults",
                "-display",
                "none",
                "-serial",
                "stdio",
                "-kernel",
                root + "/bench/target/native/load.elf",
                "-append",
                options,
                "-qmp",
                "unix:" + directory + "/qmp,server=on,wait=off",
                "-qmp",
                "unix:" + directory + "/second,server=on,wait=off"));
        if (incoming) {
            command.addAll(List.of("-incoming", "defer"));
        }
        return incoming
                ? waiting(directory, command, wire)
                : ready(directory, command, "load: running", Map.of(), wire);
    }

    private static Host ready(
            Path directory, List<String> command, String sign, Map<String, String> environment, Wire wire)
            throws Exception {
        ChildProcess process = new ChildProcess(wire.there(command), sign, environment);
        try {
            String _ = process.awaitReady();
            return new Host(directory, process, directory.resolve("qmp"), wire);
        } catch (Exception e) {
            process.close();
            throw e;
        }
    }

    /** A QEMU that waits says nothing: it is ready when its socket is there. */
    private static Host waiting(Path directory, List<String> command, Wire wire) throws IOException {
        ChildProcess process = new ChildProcess(wire.there(command), "never");
        Path socket = directory.resolve("qmp");
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            try {
                return new Host(directory, process, socket, wire);
            } catch (RuntimeException e) {
                java.util.concurrent.locks.LockSupport.parkNanos(50_000_000);
            }
        }
        process.close();
        throw new IOException("QEMU did not open " + socket);
    }

    JsonNode ask(String command) {
        return qmp.execute(command, PATIENCE);
    }

    JsonNode ask(String command, ObjectNode arguments) {
        return qmp.execute(command, arguments, PATIENCE);
    }

    /** Where it answers one more client: a QEMU's socket is for one at a time. */
    Path secondSocket() {
        Path second = directory.resolve("second");
        return Files.exists(second) ? second : directory.resolve("qmp");
    }

    /** The process and what it prints. */
    ChildProcess process() {
        return process;
    }

    double cpuSeconds() throws IOException {
        return process.cpuSeconds();
    }

    /** Lets a host whose incoming migration is deferred listen; returns what the source has to name. */
    String listen() {
        JsonNode _ = ask("migrate-incoming", Json.object().put("uri", "tcp:" + address + ":0"));
        return listensAt();
    }

    /** Where a host that waits listens, as the source has to name it. */
    String listensAt() {
        JsonNode listening = ask("query-migrate").path("socket-address").path(0);
        return "tcp:" + address + ":" + listening.path("port").asString();
    }

    /** The migration goes as fast as it can from now on, or at most at so many bytes a second. */
    void limit(long bytesPerSecond) {
        ObjectNode parameters = Json.object().put("max-bandwidth", bytesPerSecond == 0 ? NO_LIMIT : bytesPerSecond);
        JsonNode _ = ask("migrate-set-parameters", parameters);
    }

    /** Sets one of the migration's parameters. */
    void parameter(String name, long value) {
        JsonNode _ = ask("migrate-set-parameters", Json.object().put(name, value));
    }

    /** Lets QEMU tell of the migration's states as Godwit does unasked. */
    void announceEvents() {
        capabilities("events");
    }

    /** Switches capabilities on. */
    void capabilities(String... names) {
        ObjectNode arguments = Json.object();
        ArrayNode capabilities = arguments.putArray("capabilities");
        for (String name : names) {
            capabilities.add(Json.object().put("capability", name).put("state", true));
        }
        JsonNode _ = ask("migrate-set-capabilities", arguments);
    }

    void migrate(String uri) {
        JsonNode _ = ask("migrate", Json.object().put("uri", uri));
    }

    /**
     * Waits for the end of the migration by its event, without asking meanwhile; returns what query-migrate says then.
     */
    JsonNode awaitEnd() throws InterruptedException {
        long deadline =
                System.nanoTime() + Duration.ofSeconds(MIGRATION_SECONDS).toNanos();
        while (System.nanoTime() < deadline) {
            Optional<QmpEvent> event = qmp.nextEvent(Duration.ofSeconds(5));
            event.ifPresent(seen::add);
            String status = event.isPresent()
                    ? event.get().data().path("status").asString("")
                    : ask("query-migrate").path("status").asString("");
            if (status.equals("completed")
                    && (event.isEmpty() || event.get().name().equals("MIGRATION"))) {
                return ask("query-migrate");
            }
            if (status.equals("failed") || status.equals("cancelled") || status.equals("postcopy-paused")) {
                throw new IllegalStateException("the migration " + status + ": " + ask("query-migrate"));
            }
        }
        throw new IllegalStateException("the migration did not end: " + ask("query-migrate"));
    }

    /** Waits for an event; a MIGRATION event also by the status that it tells of. */
    QmpEvent awaitEvent(String nameOrStatus) throws InterruptedException {
        int next = 0;
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            for (; next < seen.size(); next++) {
                QmpEvent event = seen.get(next);
                if (event.name().equals(nameOrStatus)
                        || event.data().path("status").asString("").equals(nameOrStatus)) {
                    return event;
                }
            }
            qmp.nextEvent(Duration.ofSeconds(5)).ifPresent(seen::add);
        }
        throw new IllegalStateException("no " + nameOrStatus + " among " + seen + ": " + ask("query-migrate"));
    }

    /** How long the first pass of a Godwit's migration took that has ended. */
    double firstPassMillis() throws InterruptedException {
        Instant begin = awaitEvent("active").time();
        QmpEvent second = seen.stream()
                .filter(event -> event.name().equals("MIGRATION_PASS")
                        && event.data().path("pass").asInt() == 2)
                .findFirst()
                .orElseThrow();
        return Duration.between(begin, second.time()).toNanos() / 1e6;
    }

    /** The events that have come so far, in their order, as far as somebody has waited for one. */
    List<QmpEvent> seen() {
        return List.copyOf(seen);
    }

    @Override
    public void close() {
        qmp.close();
        process.close();
        try (var files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            System.err.println("cannot remove " + directory + ": " + e.getMessage());
        }
    }
}
