// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Clients that lie, shout and do not listen, at both hosts of a migration. */
@Timeout(300)
class HostileQmpTest {
    /** LIMIT: clients for each host; with ours fewer than a host takes. */
    private static final int CLIENTS = 5;

    private static final List<String> NONSENSE = List.of(
            "\u0000\u0001\u0002",
            "GET / HTTP/1.1\r\n\r\n",
            "[",
            "}",
            "\"unfinished",
            "{\"execute\": 7}\n",
            "{\"execute\": \"no-such-command\"}\n",
            "{\"execute\": \"qmp_capabilities\"}\n",
            "{\"execute\": \"query-migrate\", \"arguments\": {\"a\": [[[]]]}}\n",
            "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"tcp:\"}}\n",
            "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"tcp:127.0.0.1:0\"}}\n",
            "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"device\"}}\n",
            "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"max-bandwidth\": -1}}\n",
            "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"x-handover-timeout\": 1}}\n",
            "{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": [{}]}}\n",
            "{\"execute\": \"x-godwit-guest\", \"arguments\": {\"after-nanos\": 1e300}}\n",
            "{\"execute\": \"x-godwit-ram-digest\"}\n",
            "{\"execute\": \"query-commands\", \"id\": {\"a\": {\"b\": {}}}}\n",
            "{\"execute\": \"query-commands\"}".repeat(50),
            "[".repeat(5000),
            "x".repeat(200_000));

    @TempDir
    private Path directory = Path.of("");

    private final AtomicBoolean over = new AtomicBoolean();

    @Test
    void theMigrationCompletesAndTheGuestIsWhole() throws Exception {
        SplittableRandom random = Lab.seeded("hostile clients");
        List<String> guest =
                List.of("--guest", "memory", "--memory", "64M", "--working-set", "4M", "--dirty-rate", "5000");
        try (Lab lab = new Lab(directory, guest);
                ExecutorService clients = Executors.newThreadPerTaskExecutor(
                        Thread.ofPlatform().daemon().factory())) {
            Host source = lab.source();
            Host destination = lab.destination("--paused");
            source.set("max-bandwidth", 16 << 20);
            int port = destination.listen();
            List<Host> hosts = List.of(source, destination);
            List<java.util.concurrent.Future<Integer>> talks = new ArrayList<>();
            for (int i = 0; i < CLIENTS; i++) {
                for (Host host : hosts) {
                    SplittableRandom own = random.split();
                    talks.add(clients.submit(() -> annoy(host.address(), own)));
                }
            }
            source.migrate("tcp:127.0.0.1:" + port);
            JsonNode ending = source.awaitEnding("an end");
            over.set(true);
            assertThat(ending.path("status").asString("")).as("%s", ending).isEqualTo("completed");
            assertThat(destination.awaitEnd()).isEqualTo("completed");
            for (var talk : talks) {
                assertThat(talk.get())
                        .as("what a client said while the guest moved")
                        .isPositive();
            }
            assertThat(destination.ask("x-godwit-ram-digest")).isEqualTo(source.ask("x-godwit-ram-digest"));
            destination.ask("cont");
            destination.assertRunsWell(1024);
            assertThat(source.runState()).isEqualTo("postmigrate");
        }
    }

    /**
     * Talks nonsense until the migration is over, seldom listens, and is dropped or hangs up now and then; how often it
     * spoke is the result.
     */
    private int annoy(QmpAddress address, SplittableRandom random) throws IOException {
        UnixDomainSocketAddress socket = UnixDomainSocketAddress.of(((QmpAddress.Unix) address).path());
        int said = 0;
        while (!over.get()) {
            try (SocketChannel channel = SocketChannel.open(socket)) {
                channel.configureBlocking(false);
                for (int i = random.nextInt(200); i >= 0 && !over.get(); i--) {
                    said += say(channel, nonsense(random)) ? 1 : 0;
                    if (random.nextBoolean()) {
                        channel.read(ByteBuffer.allocate(1 << 16));
                    }
                }
            } catch (IOException e) {
                // Dropped: the right answer to some of it.
                said++;
            }
        }
        return said;
    }

    private static byte[] nonsense(SplittableRandom random) {
        if (random.nextInt(4) == 0) {
            byte[] bytes = new byte[1 + random.nextInt(4000)];
            random.nextBytes(bytes);
            return bytes;
        }
        return NONSENSE.get(random.nextInt(NONSENSE.size())).getBytes(StandardCharsets.UTF_8);
    }

    /** As much of it as the host takes at once. */
    private static boolean say(SocketChannel channel, byte[] bytes) throws IOException {
        return channel.write(ByteBuffer.wrap(bytes)) > 0;
    }

    @Test
    void aClientThatStopsAndContinuesTheGuestDoesNotHurtIt() throws Exception {
        SplittableRandom random = Lab.seeded("stop and cont");
        List<String> guest =
                List.of("--guest", "memory", "--memory", "32M", "--working-set", "4M", "--dirty-rate", "20000");
        try (Lab lab = new Lab(directory, guest)) {
            Host source = lab.source();
            Host destination = lab.destination("--paused");
            source.set("max-bandwidth", 16 << 20);
            source.migrate("tcp:127.0.0.1:" + destination.listen());
            boolean stopped = false;
            while (!java.util.Set.of("completed", "failed")
                    .contains(source.ask("query-migrate").path("status").asString(""))) {
                try {
                    stopped = random.nextBoolean();
                    source.ask(stopped ? "stop" : "cont");
                } catch (io.godwit.control.QmpException e) {
                    assertThat(e.getMessage()).containsAnyOf("stands still for the switchover", "right to run guest");
                }
            }
            assertThat(source.awaitEnd()).as(source.error()).isEqualTo("completed");
            assertThat(destination.awaitEnd()).isEqualTo("completed");
            destination.ask("cont");
            destination.assertRunsWell(1024);
            assertThat(source.runState()).isEqualTo("postmigrate");
            assertThat(source.guest().lastNanos())
                    .isLessThan(destination.guest().firstNanos());
            assertThat(Json.write(source.ask("query-status"))).isNotEmpty();
        }
    }
}
