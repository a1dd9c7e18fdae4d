// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.cli.fault.CheckpointTap.Moment;
import io.godwit.control.Json;
import io.godwit.stream.ColoMessage;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A service that two host processes protect, of which one is killed at a random moment, again and again: the other goes
 * on, and gets a new secondary. Its clients are told nothing wrong in all that.
 *
 * <p>Every fifth dies inside a checkpoint, by what the two sides say of it on their wire. Some secondaries die while
 * they are being made. The system property {@code godwit.kills} says how many die, {@code godwit.kills.guest} of which
 * kind the guest is, {@code godwit.kills.arbiter} who keeps the token.
 */
@Tag("kernel")
@Timeout(7200)
class ColoKillsTest {
    private static final int KILLS = Integer.getInteger("godwit.kills", 6);
    private static final int INSIDE_EVERY = 5;
    /** Longer than this machine ever makes a host wait: who is killed is missed at once, by the connection's end. */
    private static final int HEARTBEAT_MILLIS = 10_000;

    private static final int LONGEST_MILLIS = 600;
    private static final int LONGEST_ARRIVAL_MILLIS = 200;
    private static final long CHECKPOINT_BYTES = 250_000;

    @TempDir
    private Path directory = Path.of("");

    private final String kind = System.getProperty("godwit.kills.guest", "kvm");
    private final String arbiter = System.getProperty("godwit.kills.arbiter", "lock");
    private final SplittableRandom random = Lab.seeded("kills of hosts of " + kind + " guests");
    private final KillCounts counts = new KillCounts();
    private final Map<Host, String> doors = new HashMap<>();
    private final Deque<String> freeDoors = new ArrayDeque<>();
    private Lab lab = new Lab(Path.of(""), List.of());

    @AfterEach
    void close() {
        lab.close();
    }

    private Host start(boolean runs) {
        String door = freeDoors.remove();
        // Only what is built as a whole has arbiters beside the lock.
        Host host = lab.host(arbiter.equals("lock") ? Host.java() : Host.launcher(), runs, "--service", door);
        doors.put(host, door);
        return host;
    }

    @Test
    void hostsAreKilledAndClientsAreToldNothingWrong() throws Exception {
        Lab.needs(kind);
        lab = new Lab(
                directory,
                List.of(
                        "--guest",
                        kind,
                        "--memory",
                        "32M",
                        "--program",
                        "service",
                        "--working-set",
                        "8M",
                        "--arbiter",
                        arbiter));
        // One host runs the guest, one is its secondary, and one is started ahead.
        List<String> all = IntStream.range(0, 3)
                .mapToObj(i -> "unix:" + directory.resolve("door-" + i))
                .toList();
        freeDoors.addAll(all);
        try (ServiceClients clients = new ServiceClients(all, random.nextLong())) {
            Host primary = start(true);
            Host next = start(false);
            try {
                for (int kill = 1; kill <= KILLS; kill++) {
                    Host secondary = next;
                    next = start(false);
                    primary = kill(primary, secondary, kill % INSIDE_EVERY == 0, clients);
                }
            } finally {
                System.out.println(counts.summary(clients.figures()));
            }
        }
        assertThat(counts.inside()).isEqualTo(KILLS / INSIDE_EVERY);
    }

    /** Protects the guest, and kills one of the two; who goes on is the result. */
    private Host kill(Host primary, Host secondary, boolean inside, ServiceClients clients) throws Exception {
        boolean ofPrimary = random.nextBoolean();
        Host dies = ofPrimary ? primary : secondary;
        Host survivor = ofPrimary ? secondary : primary;
        prepare(primary, secondary);
        Runnable blow = () -> {
            clients.forgetGaps();
            dies.kill();
        };
        String uri = "tcp:127.0.0.1:" + secondary.listen();
        String detail = "";
        KillCounts.When when;
        if (inside) {
            try (CheckpointTap tap = new CheckpointTap(uri)) {
                begin(primary, tap.uri(), secondary, clients);
                tap.arm(moment(), blow);
                CheckpointTap.Struck struck = tap.awaitBlow(() -> explain(primary, secondary));
                when = struck.whole() ? KillCounts.When.RECEIVED : KillCounts.When.IN_STREAM;
                detail = ", " + struck.when();
                awaitFailover(survivor, clients);
            }
        } else if (!ofPrimary && random.nextInt(8) == 0) {
            when = KillCounts.When.ARRIVING;
            primary.migrate(uri);
            LockSupport.parkNanos(random.nextInt(LONGEST_ARRIVAL_MILLIS) * 1_000_000L);
            blow.run();
            awaitFailover(survivor, clients);
        } else {
            when = KillCounts.When.ANY_TIME;
            begin(primary, uri, secondary, clients);
            LockSupport.parkNanos(random.nextInt(LONGEST_MILLIS) * 1_000_000L);
            blow.run();
            awaitFailover(survivor, clients);
        }
        counts.add(ofPrimary, when, detail, clients.figures());
        dies.close();
        freeDoors.add(Optional.ofNullable(doors.remove(dies)).orElseThrow());
        return survivor;
    }

    private static String explain(Host primary, Host secondary) {
        return primary.ask("query-migrate") + " " + primary.lastWords() + "; " + secondary.ask("query-migrate") + " "
                + secondary.lastWords();
    }

    private Moment moment() {
        boolean passes = random.nextBoolean();
        return switch (random.nextInt(8)) {
            case 0 -> new Moment.Word(ColoMessage.CHECKPOINT_REPLY, passes);
            case 1, 2 -> new Moment.Word(ColoMessage.VMSTATE_RECEIVED, passes);
            case 3 -> new Moment.Word(ColoMessage.VMSTATE_LOADED, passes);
            default -> new Moment.Bytes(random.nextLong(CHECKPOINT_BYTES), passes);
        };
    }

    /** Both guests run in three of four protections. */
    private void prepare(Host primary, Host secondary) {
        boolean periodic = random.nextInt(4) == 0;
        for (Host host : List.of(primary, secondary)) {
            host.setCapability("x-colo", true);
        }
        primary.ask(
                "migrate-set-parameters",
                Json.object()
                        .put("x-colo-periodic", periodic)
                        .put("x-colo-heartbeat-timeout", HEARTBEAT_MILLIS)
                        .put("x-checkpoint-delay", periodic ? 25 : random.nextInt(20, 1000)));
    }

    private static void begin(Host primary, String uri, Host secondary, ServiceClients clients) {
        primary.migrate(uri);
        assertThat(primary.await("colo")).as(() -> explain(primary, secondary)).isEqualTo("colo");
        clients.awaitAnswers();
    }

    private static void awaitFailover(Host survivor, ServiceClients clients) {
        clients.awaitAnswers();
        String _ = survivor.awaitEnd();
        assertThat(survivor.runState()).as(survivor::lastWords).isEqualTo("running");
        assertThat(survivor.guest().mismatches()).isZero();
    }
}
