// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import io.godwit.machines.client.ClientFigures;
import io.godwit.machines.client.ClientLoad;
import io.godwit.machines.client.ClientSettings;
import io.godwit.machines.service.ServiceAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/** Two hosts of a guest that is a service, of which one protects the other, and the clients of both. */
final class ProtectedService implements AutoCloseable {
    private static final long SECOND = 1_000_000_000L;
    private static final long LOOK_NANOS = 1_000_000;
    private static final long PATIENCE_NANOS = 60 * SECOND;

    private final Path directory;
    private final String[] doors;
    private final Host[] hosts = new Host[2];
    private int primary;

    /** The first host's guest runs, the second one waits. */
    ProtectedService() throws Exception {
        directory = Files.createTempDirectory("godwit-bench-");
        doors = new String[] {"unix:" + directory + "/a", "unix:" + directory + "/b"};
        hosts[0] = Host.godwit(arguments(0));
        hosts[1] = Host.godwit(Host.waitingFor(arguments(1)));
    }

    private List<String> arguments(int door) {
        return List.of(
                "--guest",
                "kvm",
                "--memory",
                "128M",
                "--program",
                "service",
                "--working-set",
                "32M",
                "--service",
                doors[door]);
    }

    /** Clients that read and add, each with a request at a time. */
    ClientLoad clients(int count) {
        return clients(count, 0);
    }

    /** The same at a pace: so many requests a second of each; 0: as many as it can. */
    ClientLoad clients(int count, double requestsPerSecond) {
        return ClientLoad.start(
                ClientSettings.of(List.of(ServiceAddress.parse(doors[0]), ServiceAddress.parse(doors[1])), count)
                        .withRequestsPerSecond(requestsPerSecond));
    }

    /** The host whose guest counts. */
    Host primary() {
        return hosts[primary];
    }

    /** The other one. */
    Host secondary() {
        return hosts[1 - primary];
    }

    /** Begins to protect the guest. */
    void protect(long delayMillis, boolean periodic, long heartbeatMillis) throws InterruptedException {
        Host from = primary();
        from.limit(0);
        from.parameter("x-checkpoint-delay", delayMillis);
        from.parameter("x-colo-heartbeat-timeout", heartbeatMillis);
        JsonNode _ = from.ask("migrate-set-parameters", Json.object().put("x-colo-periodic", periodic));
        from.capabilities("x-colo");
        secondary().capabilities("x-colo");
        from.migrate(secondary().listen());
        awaitColo(from);
        awaitColo(secondary());
    }

    private static boolean isColo(Host host) {
        return host.ask("query-migrate").path("status").asString("").equals("colo");
    }

    private static void awaitColo(Host host) {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (!isColo(host)) {
            if (System.nanoTime() - deadline > 0) {
                throw new IllegalStateException("protection has not begun: " + host.ask("query-migrate"));
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    /** The primary dies; the other host's guest counts, and a new host waits in its place. */
    void killPrimary(ClientLoad load) throws Exception {
        Host dead = primary();
        if (!isColo(dead) || !isColo(secondary())) {
            throw new IllegalStateException("protection has ended by itself, on a machine with too much to do: "
                    + dead.ask("query-migrate") + secondary().ask("query-migrate"));
        }
        long answers = load.figures().answers();
        load.forgetGaps();
        dead.process().kill();
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (load.figures().answers() < answers + 50) {
            refuseFindings(load.figures());
            if (System.nanoTime() - deadline > 0) {
                throw new IllegalStateException(
                        "no answer any more: " + secondary().ask("query-migrate"));
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
        dead.close();
        int gone = primary;
        primary = 1 - primary;
        hosts[gone] = Host.godwit(Host.waitingFor(arguments(gone)));
    }

    static void refuseFindings(ClientFigures figures) {
        if (!figures.findings().isEmpty()) {
            throw new IllegalStateException("a client was told something wrong: " + figures.findings());
        }
    }

    @Override
    public void close() throws IOException {
        for (Host host : hosts) {
            host.close();
        }
        for (String door : doors) {
            boolean _ = Files.deleteIfExists(Path.of(door.substring("unix:".length())));
        }
        Files.deleteIfExists(directory);
    }
}
