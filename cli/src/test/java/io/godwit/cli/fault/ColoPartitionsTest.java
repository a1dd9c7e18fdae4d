// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.machines.client.ClientFigures;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A service that two hosts protect, with the token in three members of etcd, all of them in nodes of a network. Some of
 * them lose each other at a random moment for a random time, again and again. The guest answers at one place at most,
 * and when the network is whole again it answers at one, and can be protected.
 *
 * <p>The system property {@code godwit.partitions} says how often.
 */
@Tag("kernel")
@Tag("peer")
@Timeout(7200)
class ColoPartitionsTest {
    private static final int PARTITIONS = Integer.getInteger("godwit.partitions", 5);
    /** A question to etcd may take a fifth of it, also on a machine with much to do. */
    private static final int TTL_SECONDS = 5;

    private static final int HEARTBEAT_MILLIS = 800;
    private static final int LONGEST_MILLIS = 8000;
    private static final int LONGEST_WAIT_MILLIS = 500;
    private static final int PROTECTION_TRIES = 10;
    private static final long LOOK_NANOS = 20_000_000;
    private static final int FIRST_MEMBER = 2;
    private static final int MEMBERS = 3;

    /** Who loses whom. */
    private enum Cut {
        HOSTS("between the hosts"),
        PRIMARY_FROM_ETCD("between the primary and etcd"),
        PRIMARY_FROM_ALL("between the primary and all others"),
        ETCD_MEMBERS("between members of etcd"),
        SECONDARY_FROM_ALL("between the secondary and all others"),
        HOSTS_FROM_ETCD("between both hosts and etcd"),
        SECONDARY_FROM_ETCD("between the secondary and etcd");

        private final String words;

        Cut(String words) {
            this.words = words;
        }
    }

    @TempDir
    private Path directory = Path.of("");

    private final SplittableRandom random = Lab.seeded("partitions");
    private final Map<Cut, Integer> counts = new EnumMap<>(Cut.class);
    private final List<String> doors = new ArrayList<>();
    private final Host[] hosts = new Host[2];
    private Lab lab = new Lab(Path.of(""), List.of());
    private int primary;
    private int failovers;

    @AfterEach
    void close() {
        lab.close();
    }

    @Test
    void theGuestAnswersAtOnePlaceWhoeverLosesWhom() throws Exception {
        Lab.needs("kvm");
        try (Network network = Network.of(FIRST_MEMBER + MEMBERS);
                EtcdNodes etcd = EtcdNodes.start(network, FIRST_MEMBER, MEMBERS, directory)) {
            doors.addAll(Stream.of("a", "b")
                    .map(name -> "unix:" + directory.resolve(name))
                    .toList());
            lab = new Lab(
                    directory,
                    List.of(
                            "--guest",
                            "kvm",
                            "--memory",
                            "32M",
                            "--program",
                            "service",
                            "--working-set",
                            "8M",
                            "--arbiter",
                            etcd.arbiter(TTL_SECONDS)));
            hosts[0] = start(network, 0, true);
            hosts[1] = start(network, 1, false);
            try (ServiceClients clients = new ServiceClients(doors, random.nextLong());
                    DoorWatch watch = new DoorWatch(doors)) {
                clients.awaitAnswers();
                try {
                    for (int i = 0; i < PARTITIONS; i++) {
                        part(Cut.values()[i % Cut.values().length], network, clients, watch);
                    }
                } finally {
                    print(clients.figures(), watch);
                }
            }
        }
    }

    private Host start(Network network, int place, boolean runs) {
        List<String> words = Stream.concat(network.in(place).stream(), Host.launcher().stream())
                .toList();
        return lab.host(words, runs, "--service", doors.get(place));
    }

    private boolean isProtected() {
        return Stream.of(hosts)
                .allMatch(host -> status(host).equals("colo") && !mode(host).equals("none"));
    }

    private static String status(Host host) {
        return host.ask("query-migrate").path("status").asString("none");
    }

    private static String mode(Host host) {
        return host.ask("query-colo-status").path("mode").asString("");
    }

    private static boolean isAlone(Host host, Host other) {
        return List.of("none", "completed", "failed", "cancelled").contains(status(host))
                && host.runState().equals("running")
                && mode(other).equals("none")
                && !other.runState().equals("running");
    }

    private void part(Cut cut, Network network, ServiceClients clients, DoorWatch watch) {
        boolean arriving = random.nextInt(6) == 0;
        protect(network, clients, arriving);
        boolean oneWay = random.nextInt(4) == 0;
        int millis = random.nextInt(LONGEST_MILLIS);
        LockSupport.parkNanos(random.nextInt(LONGEST_WAIT_MILLIS) * 1_000_000L);
        clients.forgetGaps();
        for (int[] pair : pairs(cut)) {
            network.cut(pair[0], pair[1]);
            if (!oneWay) {
                network.cut(pair[1], pair[0]);
            }
        }
        LockSupport.parkNanos(millis * 1_000_000L);
        network.mend();
        String outcome = settle(network, clients);
        int _ = counts.merge(cut, 1, Integer::sum);
        System.out.printf(
                Locale.ROOT,
                "%s, %s for %d ms%s: %s, longest gap without an answer %d ms%n",
                cut.words,
                oneWay ? "one way" : "both ways",
                millis,
                arriving ? ", before protection began" : "",
                outcome,
                clients.figures().longestGapNanos() / 1_000_000);
        assertThat(watch.twice()).as("the guest was there twice").isZero();
    }

    /** Who does not reach whom; the other way is cut too, if it is not one way. */
    private List<int[]> pairs(Cut cut) {
        int secondary = 1 - primary;
        List<int[]> hostsOnly = List.of(new int[] {primary, secondary});
        return switch (cut) {
            case HOSTS -> hostsOnly;
            case PRIMARY_FROM_ETCD -> fromEtcd(primary);
            case SECONDARY_FROM_ETCD -> fromEtcd(secondary);
            case PRIMARY_FROM_ALL -> both(hostsOnly, fromEtcd(primary));
            case SECONDARY_FROM_ALL -> both(hostsOnly, fromEtcd(secondary));
            case HOSTS_FROM_ETCD -> both(fromEtcd(primary), fromEtcd(secondary));
            case ETCD_MEMBERS -> members();
        };
    }

    private static List<int[]> both(List<int[]> some, List<int[]> others) {
        return Stream.concat(some.stream(), others.stream()).toList();
    }

    private static List<int[]> fromEtcd(int host) {
        return Stream.of(0, 1, 2)
                .map(member -> new int[] {host, FIRST_MEMBER + member})
                .toList();
    }

    /** One of them, which may be the leader, from the other two; or each from each. */
    private List<int[]> members() {
        int member = random.nextInt(MEMBERS);
        int next = FIRST_MEMBER + (member + 1) % MEMBERS;
        int last = FIRST_MEMBER + (member + 2) % MEMBERS;
        List<int[]> one = List.of(new int[] {FIRST_MEMBER + member, next}, new int[] {FIRST_MEMBER + member, last});
        return random.nextBoolean() ? one : both(one, List.of(new int[] {next, last}));
    }

    /** Until the guest is protected, or on the way there. A machine with much to do may lose its lease by itself. */
    private void protect(Network network, ServiceClients clients, boolean arriving) {
        for (int tries = 0; !isProtected(); tries++) {
            Host from = hosts[primary];
            Host to = hosts[1 - primary];
            assertThat(tries)
                    .as(() -> from.error() + "; " + from.lastWords() + "; " + to.lastWords())
                    .isLessThan(PROTECTION_TRIES);
            for (Host host : hosts) {
                host.setCapability("x-colo", true);
            }
            from.ask(
                    "migrate-set-parameters",
                    Json.object()
                            .put("x-colo-periodic", random.nextInt(4) == 0)
                            .put("x-colo-heartbeat-timeout", HEARTBEAT_MILLIS)
                            .put("x-checkpoint-delay", random.nextInt(25, 1000)));
            String address = network.address(1 - primary);
            from.migrate("tcp:" + address + ":" + to.listen(address));
            if (arriving) {
                return;
            }
            if (!from.await("colo").equals("colo")) {
                System.out.println("protection has not begun: " + from.error());
                String _ = settle(network, clients);
            }
        }
    }

    /** Waits until the guest is protected still, or is somewhere for good, and puts a new host in the other's place. */
    private String settle(Network network, ServiceClients clients) {
        clients.awaitAnswers(this::explain);
        clients.await(
                "an end of it",
                LOOK_NANOS,
                this::explain,
                () -> isProtected() || isAlone(hosts[0], hosts[1]) || isAlone(hosts[1], hosts[0]));
        if (isProtected()) {
            return "still protected";
        }
        int alone = isAlone(hosts[0], hosts[1]) ? 0 : 1;
        String who = alone == primary ? "the primary" : "the secondary";
        failovers++;
        primary = alone;
        assertThat(hosts[alone].guest().mismatches()).isZero();
        hosts[1 - alone].kill();
        hosts[1 - alone].close();
        hosts[1 - alone] = start(network, 1 - alone, false);
        return who + " went on";
    }

    private String explain() {
        StringBuilder all = new StringBuilder();
        for (Host host : hosts) {
            all.append("\n")
                    .append(host.ask("query-status"))
                    .append(host.ask("query-colo-status"))
                    .append(host.ask("query-migrate"))
                    .append(host.lastWords());
        }
        return all.toString();
    }

    private void print(ClientFigures figures, DoorWatch watch) {
        System.out.printf("partitions: %s; after %d of them one host went on alone%n", counts, failovers);
        System.out.printf(
                "%d answers checked, %d of an old host refused; %d lost, doubled or wrong; there twice in %d of %d"
                        + " looks%n%s%n",
                figures.answers(),
                figures.refusedAnswers(),
                figures.findings().size(),
                watch.twice(),
                watch.rounds(),
                figures.findings());
    }
}
