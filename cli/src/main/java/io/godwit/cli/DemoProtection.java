// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpEvent;
import io.godwit.machines.client.ClientFigures;
import io.godwit.machines.client.ClientLoad;
import io.godwit.machines.client.ClientSettings;
import io.godwit.machines.service.ServiceAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * The demonstration of COLO: clients ask a guest that is protected, one of its two hosts is killed, the other goes on
 * and is protected anew, and the clients, who check every answer, have not been told anything wrong.
 */
final class DemoProtection implements AutoCloseable {
    private static final int CLIENTS = 4;
    private static final double REQUESTS_PER_SECOND = 500;

    /** In percent: some write pages, and a few ask for the time, which no two guests answer alike. */
    private static final ClientSettings.Mix MIX = new ClientSettings.Mix(45, 5, 16, 0.1);

    private static final List<String> NAMES = List.of("primary", "secondary", "new-secondary");
    private static final Duration ROUND = Duration.ofMillis(10);
    private static final Duration DEATH = Duration.ofSeconds(1);
    private static final Duration ALONE = Duration.ofSeconds(1);
    private static final Duration AGAIN = Duration.ofSeconds(2);
    private static final Duration LONGEST = Duration.ofSeconds(60);
    private static final long LINE_NANOS = 1_000_000_000;

    private final DemoHosts hosts;
    private final List<String> guestWords;
    private final ProtectionArguments arguments;
    private final Settings settings;
    private final DemoWire.Transport transport;
    private final DemoTeller teller;
    private final ClientLoad clients;
    private final List<QmpClient> connections = new ArrayList<>();
    private final CountDownLatch never = new CountDownLatch(1);
    private long lastLineNanos;

    /** A host and its QMP. */
    private record Side(String name, HostProcess process, QmpClient qmp) {}

    /** The hosts that have the guest. */
    private record Pair(Side primary, Side secondary) {
        /** Whether one of them has ended, or is about to. */
        boolean losesOne() {
            return primary.process().ends(DEATH) || secondary.process().ends(DEATH);
        }
    }

    /**
     * Prepares; no host runs yet.
     *
     * @param guestWords the guest, for the command line of a host
     */
    DemoProtection(
            DemoHosts hosts,
            List<String> guestWords,
            ProtectionArguments arguments,
            Settings settings,
            DemoWire.Transport transport,
            DemoTeller teller) {
        this.hosts = hosts;
        this.guestWords = guestWords;
        this.arguments = arguments;
        this.settings = settings;
        this.transport = transport;
        this.teller = teller;
        List<SocketAddress> addresses =
                NAMES.stream().map(name -> ServiceAddress.parse(service(name))).toList();
        this.clients = ClientLoad.start(
                ClientSettings.of(addresses, CLIENTS).withMix(MIX).withRequestsPerSecond(REQUESTS_PER_SECOND));
    }

    private String service(String name) {
        return "unix:" + hosts.directory().resolve(name + ".service");
    }

    /** Plays it all. */
    DemoProtectionReport run() {
        List<String> booting = Stream.concat(guestWords.stream(), Stream.of("--service", service(NAMES.getFirst())))
                .toList();
        HostProcess first = hosts.add(NAMES.getFirst(), booting);
        HostProcess second = startWaiting(NAMES.get(1));
        Side primary = connect(NAMES.getFirst(), first);
        awaitAnswers(0);
        teller.say(CLIENTS + " clients ask it and check every answer; when they are hung up they try the other host.");
        Pair pair = protect(primary, connect(NAMES.get(1), second));
        clients.forgetGaps();
        ClientFigures begin = clients.figures();
        DemoProtectionReport.Protected before = watch(pair, isOver(pair));
        ClientFigures end = clients.figures();
        Side survivor = kill(pair);
        ColoSample failover = awaitFailover(survivor);
        awaitAnswers(clients.figures().answers() + CLIENTS);
        long gapAcross = clients.figures().longestGapNanos();
        teller.say("The " + survivor.name() + " goes on alone, " + TimeSpan.text(failover.failoverNanos())
                + " after it noticed. The clients waited for " + TimeSpan.text(gapAcross) + ".");
        ClientFigures alone = clients.figures();
        letRun(ALONE);
        DemoProtectionReport.Work work = DemoProtectionReport.Work.of(begin, end, alone, clients.figures());
        clients.forgetGaps();
        Pair anew = protect(survivor, connect(NAMES.get(2), startWaiting(NAMES.get(2))));
        DemoProtectionReport.Protected after = watch(anew, both(after(AGAIN), madeCheckpoints(anew)));
        ClientFigures figures = stopClients();
        return new DemoProtectionReport(
                arguments.isPeriodic(),
                survivor.equals(pair.primary()) ? "secondary" : "primary",
                before,
                after,
                work,
                failover.failoverNanos(),
                end.longestGapNanos(),
                gapAcross,
                figures);
    }

    private HostProcess startWaiting(String name) {
        return hosts.addWaiting(name, guestWords, List.of("--service", service(name)));
    }

    private Side connect(String name, HostProcess process) {
        QmpClient qmp = process.connect();
        connections.add(qmp);
        settings.applyParameters(qmp);
        settings.applyCapabilities(
                qmp,
                Stream.concat(Stream.of("events"), DemoMode.COLO.capabilities().stream())
                        .toList());
        return new Side(name, process, qmp);
    }

    private Pair protect(Side primary, Side secondary) {
        String uri = new DemoWire(transport, hosts.directory(), secondary.name(), secondary.qmp())
                .listen("migrate-incoming");
        long nanos = new Protecting(primary.qmp(), Optional.of(secondary.qmp())).begin(uri, teller.view(), LONGEST);
        teller.say("Protected after " + TimeSpan.text(nanos) + ": the " + secondary.name()
                + (arguments.isPeriodic()
                        ? " keeps what the " + primary.name() + " was at each checkpoint, and answers wait for it."
                        : " runs the same guest as the " + primary.name() + ", and their answers are compared."));
        return new Pair(primary, secondary);
    }

    /**
     * Looks at both until it is time, or until one of them is gone.
     *
     * @return what was known last
     */
    private DemoProtectionReport.Protected watch(Pair pair, BooleanSupplier over) {
        DemoProtectionReport.Protected last = look(pair);
        try {
            while (!over.getAsBoolean() && clients.figures().findings().isEmpty()) {
                Optional<QmpEvent> _ = Protecting.pause(pair.primary().qmp());
                last = look(pair);
                tellNowAndThen(last);
            }
        } catch (QmpConnectionException | CommandFailure e) {
            if (!pair.losesOne()) {
                throw e;
            }
        }
        return last;
    }

    private static DemoProtectionReport.Protected look(Pair pair) {
        MigrationSample primary = Protecting.sample(pair.primary().qmp());
        MigrationSample secondary = Protecting.sample(pair.secondary().qmp());
        for (MigrationSample side : List.of(primary, secondary)) {
            if (!side.isProtected()) {
                throw new CommandFailure(Report.ending("Protection", side));
            }
        }
        return new DemoProtectionReport.Protected(
                primary.colo().orElseThrow(), secondary.colo().orElseThrow());
    }

    private void tellNowAndThen(DemoProtectionReport.Protected last) {
        if (System.nanoTime() - lastLineNanos >= LINE_NANOS) {
            lastLineNanos = System.nanoTime();
            teller.show(clients.figures(), last.primary());
        }
    }

    /** Whether it is time for the end of one of them. */
    private BooleanSupplier isOver(Pair pair) {
        if (arguments.victim() == ProtectionArguments.Victim.YOURS) {
            teller.say("Kill one of them: kill -9 " + pair.primary().process().pid() + " for the primary, "
                    + pair.secondary().process().pid() + " for the secondary.");
            return () -> false;
        }
        return arguments.moment().seconds().isPresent()
                ? after(Duration.ofSeconds(arguments.moment().seconds().getAsInt()))
                : madeCheckpoints(pair);
    }

    private static BooleanSupplier madeCheckpoints(Pair pair) {
        return () -> look(pair).primary().checkpoints() >= ProtectionArguments.CHECKPOINTS_BEFORE;
    }

    private static BooleanSupplier both(BooleanSupplier one, BooleanSupplier other) {
        return () -> one.getAsBoolean() && other.getAsBoolean();
    }

    private static BooleanSupplier after(Duration time) {
        long begin = System.nanoTime();
        return () -> System.nanoTime() - begin >= time.toNanos();
    }

    /** Kills one, or sees which one was killed; the other is the result. */
    private Side kill(Pair pair) {
        if (arguments.victim() == ProtectionArguments.Victim.YOURS) {
            return pair.primary().process().isAlive() ? pair.primary() : pair.secondary();
        }
        boolean kept = arguments.victim() == ProtectionArguments.Victim.SECONDARY;
        Side victim = kept ? pair.secondary() : pair.primary();
        boolean inside = arguments.moment().seconds().isEmpty();
        if (inside) {
            awaitStop(pair.primary().qmp());
        }
        clients.forgetGaps();
        victim.process().kill();
        teller.say("The " + victim.name() + " is killed (SIGKILL)" + (inside ? " inside a checkpoint." : "."));
        return kept ? pair.primary() : pair.secondary();
    }

    /** Until the guest has just been stopped for a checkpoint; what happened before is no news. */
    private static void awaitStop(QmpClient primary) {
        try {
            while (primary.nextEvent(Duration.ZERO).isPresent()) {
                // Old.
            }
            long deadline = System.nanoTime() + LONGEST.toNanos();
            Optional<QmpEvent> event = Optional.empty();
            while (!event.map(QmpEvent::name).orElse("").equals("STOP")) {
                if (System.nanoTime() - deadline > 0) {
                    throw new CommandFailure("There was no checkpoint within " + LONGEST.toSeconds() + " s.");
                }
                event = primary.nextEvent(Addresses.PATIENCE);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted.", e);
        }
    }

    private static ColoSample awaitFailover(Side survivor) {
        long deadline = System.nanoTime() + LONGEST.toNanos();
        MigrationSample sample = Protecting.sample(survivor.qmp());
        while (!sample.isEnded()) {
            if (System.nanoTime() - deadline > 0) {
                throw new CommandFailure("The " + survivor.name() + " has not gone on alone within "
                        + LONGEST.toSeconds() + " s"
                        + sample.error().map(error -> ": " + error).orElse("."));
            }
            Optional<QmpEvent> _ = Protecting.pause(survivor.qmp());
            sample = Protecting.sample(survivor.qmp());
        }
        if (!sample.isCompleted()) {
            throw new CommandFailure(Report.ending("Protection by the " + survivor.name(), sample));
        }
        return sample.colo().orElseThrow();
    }

    /** Waits until the clients have more answers than that. */
    private void awaitAnswers(long above) {
        long deadline = System.nanoTime() + LONGEST.toNanos();
        while (clients.figures().answers() <= above
                && clients.figures().findings().isEmpty()) {
            if (System.nanoTime() - deadline > 0) {
                throw new CommandFailure("The clients were not answered for " + LONGEST.toSeconds() + " s.");
            }
            letRun(ROUND);
        }
    }

    private void letRun(Duration time) {
        try {
            boolean _ = never.await(time.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted.", e);
        }
    }

    private ClientFigures stopClients() {
        try {
            return clients.stop();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted.", e);
        }
    }

    @Override
    public void close() {
        clients.close();
        connections.forEach(QmpClient::close);
    }
}
