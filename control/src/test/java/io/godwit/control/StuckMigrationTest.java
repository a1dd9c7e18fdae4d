// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.host.MachineHost;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** A destination that never reads holds up the migration's thread and nobody else. */
@Timeout(60)
class StuckMigrationTest {
    private static final List<String> COMMANDS = List.of(
            "query-status",
            "query-migrate",
            "query-migrate-capabilities",
            "query-migrate-parameters",
            "x-godwit-statistics",
            "x-godwit-guest",
            "stop",
            "cont");

    /**
     * Before snapshots held only what is told, and answers were written without a tree: 31,500 and 60,500 bytes, this
     * client's not counted.
     */
    @ParameterizedTest
    @CsvSource({"query-migrate, 12000", "x-godwit-statistics, 20000"})
    void aQueryAllocatesLittle(String command, long mostBytes) throws Exception {
        int queries = 50;
        withStuckMigration((machine, host, session) -> {
            // The guest stands still, so that nothing but the query allocates.
            ask(session, "stop");
            AllocatedBytes.Round round = () -> {
                for (int i = 0; i < queries; i++) {
                    assertThat(session.ask("{\"execute\":\"" + command + "\"}")).contains("\"status\":\"active\"");
                }
            };
            round.run();
            assertThat(AllocatedBytes.leastOf(10, round) / queries).isBetween(500L, mostBytes);
        });
    }

    @Test
    void everyCommandIsAnsweredAndTheGuestRunsWhileNothingCanBeSent() throws Exception {
        withStuckMigration((machine, host, session) -> {
            COMMANDS.forEach(command -> ask(session, command));
            long work = machine.workPages();
            await(() -> machine.workPages() > work + 1000);
            await(StuckMigrationTest::isStuck);
            assertThat(host.migration().statistics().waits().vcpus()).hasSize(1);
            await(() -> host.migration().statistics().waits().commands().count() >= COMMANDS.size());
            ask(session, "migrate_cancel");
            await(() ->
                    ask(session, "query-migrate").path("status").asString("").equals("cancelled"));
        });
    }

    private interface Body {
        void run(Machine machine, MachineHost host, RawSession session) throws Exception;
    }

    private static void withStuckMigration(Body body) throws Exception {
        // More than all buffers between two sockets hold.
        Workload workload = new Workload(GuestProgram.DIRTIER, 4L << 20, 0, WriteOrder.SWEEP, RamFill.RANDOM, 4711);
        Machine machine = Machines.create(GuestOptions.defaults()
                .withKind(GuestKind.MEMORY)
                .withMemoryBytes(128L << 20)
                .withWorkload(workload));
        try (ServerSocket deaf = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                MachineHost host = new MachineHost(machine, new NoArbiter(), Origin.BOOT, false);
                QmpServer server = QmpServer.open(new QmpAddress.Tcp("127.0.0.1", 0), host);
                RawSession session = RawSession.negotiated(server.address())) {
            ask(session, "cont");
            assertThat(session.ask("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"max-bandwidth\":0}}"))
                    .isEqualTo("{\"return\":{}}");
            assertThat(session.ask("{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:127.0.0.1:"
                            + deaf.getLocalPort() + "\"}}"))
                    .isEqualTo("{\"return\":{}}");
            // It waits for the connection in the same way.
            await(() -> host.migration().statistics().status() == MigrationStatus.ACTIVE && isStuck());
            body.run(machine, host, session);
        }
    }

    /** Whether {@code mig-outgoing} waits until the wire takes something. */
    private static boolean isStuck() {
        return Thread.getAllStackTraces().entrySet().stream()
                .filter(thread -> thread.getKey().getName().equals("mig-outgoing"))
                .anyMatch(thread -> Arrays.stream(thread.getValue())
                        .anyMatch(frame -> frame.getMethodName().equals("awaitWritable")));
    }

    private static JsonNode ask(RawSession session, String command) {
        try {
            JsonNode answer = Json.parse(session.ask("{\"execute\":\"" + command + "\"}"));
            while (answer.has("event")) {
                answer = Json.parse(session.line());
            }
            assertThat(answer.has("return")).as("%s: %s", command, answer).isTrue();
            return answer.path("return");
        } catch (Exception e) {
            throw new AssertionError(command, e);
        }
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }
}
