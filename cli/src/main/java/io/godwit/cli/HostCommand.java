// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpServer;
import io.godwit.engine.settings.Capability;
import io.godwit.host.HostException;
import io.godwit.host.MachineHost;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.service.ServiceAddress;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code godwit host}: one guest in one process, driven over QMP, until {@code quit} or a signal. */
@Command(
        name = "host",
        description = "Runs one guest, or waits for one, and answers QMP.",
        mixinStandardHelpOptions = true)
final class HostCommand implements Callable<Integer> {
    /** The line on standard output that tells a parent process that QMP answers starts with this. */
    static final String READY = "ready: ";

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Mixin
    private GuestArguments guest = new GuestArguments();

    @Option(
            names = "--qmp",
            required = true,
            paramLabel = "ADDRESS",
            description = "Where to answer QMP: unix:PATH or tcp:HOST:PORT.")
    private String qmp = "";

    @Option(
            names = "--incoming",
            paramLabel = "URI",
            description =
                    "Wait for a guest: listen at tcp:HOST:PORT or unix:PATH, read fd:N, exec:COMMAND or file:PATH,"
                            + " or defer until migrate-incoming says where.")
    private @Nullable String incoming;

    @Option(
            names = "--inherit-fd",
            paramLabel = "N[=NAME]",
            description = "Let migrations use descriptor N, which this process was started with, as fd:N or fd:NAME."
                    + " Can be given more than once. --incoming fd:N needs it not.")
    private List<String> inheritedDescriptors = new ArrayList<>();

    @Option(
            names = "--cap",
            paramLabel = "NAME",
            split = ",",
            description = "Switch a migration capability on before anything else, as postcopy-ram to wait for a guest"
                    + " that may come by postcopy. Can be given more than once.")
    private List<String> capabilities = new ArrayList<>();

    @Option(
            names = "--service",
            paramLabel = "ADDRESS",
            description = "Where clients of a guest with --program service ask it: tcp:HOST:PORT (0: any) or unix:PATH."
                    + " See godwit client.")
    private @Nullable String service;

    @Option(names = "--uuid", paramLabel = "UUID", description = "Who the guest is (default: somebody new).")
    private @Nullable UUID uuid;

    @Mixin
    private ArbiterArgument arbiter = new ArbiterArgument();

    @Option(names = "--paused", description = "Do not let the guest run before 'cont', nor one that arrives.")
    private boolean paused;

    @Option(names = "--verify", description = "Hash each page that arrives, for x-godwit-ram-digest.")
    private boolean verify;

    @Option(
            names = "--end-with-stdin",
            hidden = true,
            description = "End when standard input ends: the parent is gone then.")
    private boolean endWithStdin;

    @Override
    public Integer call() {
        QmpAddress address = Addresses.qmp(qmp);
        InheritedDescriptors inherited = InheritedDescriptors.of(inheritedDescriptors, Optional.ofNullable(incoming));
        Origin origin = incoming == null ? Origin.BOOT : Origin.ARRIVAL;
        Machines.Choice choice = Machines.choose(guest.kind());
        if (choice.kind() == GuestKind.OPAQUE && origin == Origin.BOOT) {
            throw new CommandFailure(
                    "An opaque guest cannot start here, it can only arrive: say --incoming URI or --incoming defer.");
        }
        GuestOptions options = guest.options().withKind(choice.kind());
        Set<Capability> switchedOn = switchedOn();
        if (uuid != null) {
            options = options.withUuid(uuid);
        }
        Machine machine = Machines.create(options, origin, guest.tracking(choice.kind()));
        MachineHost host = new MachineHost(machine, arbiter.open(), origin, verify);
        QmpServer server;
        try {
            openService(host);
            inherited.passTo(host.descriptors());
            host.setCapabilities(switchedOn, Set.of());
            server = QmpServer.open(address, host);
        } catch (RuntimeException e) {
            host.close();
            throw e;
        }
        Ending ending = new Ending(server, host);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> ending.end(Optional.of("host-signal")), "host-end"));
        HostSignals.of(host).install();
        if (endWithStdin) {
            Thread.ofVirtual().name("parent-watch").start(() -> awaitEndOfInput(host));
        }
        begin(host);
        say(READY + guest.describe(choice.kind()) + "; QMP at " + server.address() + serviceAt(host) + ". "
                + choice.reason());
        Optional<String> failure = host.awaitQuit();
        ending.end(Optional.empty());
        failure.ifPresent(sentence -> {
            throw new CommandFailure(sentence);
        });
        return 0;
    }

    private void openService(MachineHost host) {
        if (service == null) {
            return;
        }
        if (!guest.isService()) {
            throw new CommandFailure("--service is for a guest that answers: say --program service too.");
        }
        try {
            host.openService(ServiceAddress.parse(service));
        } catch (IllegalArgumentException | HostException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()), e);
        }
    }

    private static String serviceAt(MachineHost host) {
        return host.serviceAddress()
                .map(address -> "; service at " + ServiceAddress.format(address))
                .orElse("");
    }

    private Set<Capability> switchedOn() {
        Set<Capability> found = EnumSet.noneOf(Capability.class);
        for (String name : capabilities) {
            found.add(Capability.named(name)
                    .orElseThrow(() -> new CommandFailure("There is no capability '" + name + "'.")));
        }
        return found;
    }

    private void begin(MachineHost host) {
        if (incoming == null) {
            if (!paused) {
                host.cont();
            }
            return;
        }
        if (paused) {
            host.pauseOnArrival();
        }
        if (!incoming.equals("defer")) {
            // Nobody may be asking over QMP: a host that waited in vain says so and ends.
            host.migrateIncoming(incoming, true);
        }
    }

    private void say(String line) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(line);
        out.flush();
    }

    private static void awaitEndOfInput(MachineHost host) {
        try {
            while (System.in.read() >= 0) {
                // What comes means nothing; that it ends does.
            }
        } catch (IOException e) {
            // As good as the end.
        }
        host.quit();
    }

    /** Ends the host once, whoever asks first: {@code quit} or a signal. */
    private static final class Ending {
        private final QmpServer server;
        private final MachineHost host;
        private final AtomicBoolean begun = new AtomicBoolean();

        Ending(QmpServer server, MachineHost host) {
            this.server = server;
            this.host = host;
        }

        void end(Optional<String> announcement) {
            if (begun.compareAndSet(false, true)) {
                announcement.ifPresent(server::announceShutdown);
                host.close();
                server.close();
            }
        }
    }
}
