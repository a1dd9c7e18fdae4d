// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/** {@code godwit demo}: two hosts, a busy guest, a migration before your eyes, and the proof that nothing was lost. */
@Command(
        name = "demo",
        description =
                "Starts two hosts and a busy guest, moves the guest from one to the other, or protects it by both, and"
                        + " proves that nothing was lost.",
        mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
    private static final Duration RUN_BEFORE = Duration.ofMillis(1500);
    private static final Duration RUN_AFTER = Pause.MARGIN_AFTER.plusMillis(100);

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Mixin
    private GuestArguments guest = new GuestArguments();

    @Mixin
    private Settings settings = new Settings();

    @Option(
            names = "--transport",
            paramLabel = "NAME",
            defaultValue = "tcp",
            description = "tcp or unix (default: ${DEFAULT-VALUE}).")
    private DemoWire.Transport transport = DemoWire.Transport.TCP;

    @Option(
            names = "--mode",
            paramLabel = "MODE",
            defaultValue = "precopy",
            description = "precopy: the guest moves after its memory; postcopy: before its memory; hybrid: after one"
                    + " pass over it; colo: it does not move, but is protected by a second host that runs it too, and"
                    + " one of the two is killed (default: ${DEFAULT-VALUE}).")
    private DemoMode mode = DemoMode.PRECOPY;

    @Option(
            names = "--cut",
            description = "Cut the connection in the middle of the postcopy, and go on from there. The push is held to"
                    + " 100 MB/s, so that there is a middle.")
    private boolean cut;

    @Mixin
    private ProtectionArguments protection = new ProtectionArguments();

    @Mixin
    private ArbiterArgument arbiter = new ArbiterArgument();

    @Option(names = "--json", description = "One JSON object a line, the report last, instead of a view.")
    private boolean json;

    @Option(names = "--report", paramLabel = "FILE", description = "Write the report to FILE, - for standard output.")
    private @Nullable Path reportFile;

    private final CountDownLatch never = new CountDownLatch(1);

    @Override
    public Integer call() throws InterruptedException {
        settings.setDefault("max-bandwidth", "0");
        if (cut) {
            if (!mode.isPostcopy()) {
                throw new ParameterException(spec.commandLine(), "--cut needs --mode postcopy or --mode hybrid");
            }
            settings.setDefault("max-postcopy-bandwidth", "100000000");
        }
        if (mode == DemoMode.COLO) {
            requireService();
        } else if (protection.areGiven()) {
            throw new ParameterException(spec.commandLine(), "--kill, --kill-at and --periodic need --mode colo");
        }
        Machines.Choice choice = Machines.choose(guest.kind());
        if (choice.kind() == GuestKind.OPAQUE) {
            throw new CommandFailure(
                    "An opaque guest does not run, so there is nothing to watch: say kvm, memory or auto.");
        }
        guest.options();
        Report.requireWritable(reportFile);
        say("Godwit " + (mode == DemoMode.COLO ? "protects " : "moves ") + guest.describe(choice.kind()) + ".");
        if (guest.kind() == GuestKind.AUTO && choice.kind() != GuestKind.KVM) {
            say(choice.reason());
        }
        if (mode == DemoMode.COLO) {
            return protect(hostWords(choice.kind()));
        }
        try (DemoHosts hosts = DemoHosts.start(hostWords(choice.kind()))) {
            try (QmpClient destination = hosts.destination().connect();
                    QmpClient source = hosts.source().connect()) {
                return move(source, destination, hosts);
            } catch (RuntimeException e) {
                throw failure(e, hosts);
            }
        }
    }

    private static CommandFailure failure(RuntimeException e, DemoHosts hosts) {
        if (hosts.isInterrupted()) {
            return new CommandFailure("Interrupted: all hosts and the guest are gone.", e);
        }
        return e instanceof CommandFailure told ? told : new CommandFailure(e.getMessage() + hosts.lastWords(), e);
    }

    /** What can be protected here is a guest whose answers somebody hears. */
    private void requireService() {
        if (spec.commandLine().getParseResult().hasMatchedOption("--program") && !guest.isService()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--mode colo protects a guest that answers requests:"
                            + " leave --program out, or say --program service");
        }
        guest.becomeService();
    }

    private int protect(List<String> guestWords) {
        mode.arrange(settings);
        settings.setDefault("x-checkpoint-delay", protection.isPeriodic() ? "25" : "500");
        settings.setDefault("x-colo-periodic", Boolean.toString(protection.isPeriodic()));
        PrintWriter out = spec.commandLine().getOut();
        try (DemoHosts hosts = DemoHosts.open();
                DemoProtection play = new DemoProtection(
                        hosts, guestWords, protection, settings, transport, new DemoTeller(json, out))) {
            DemoProtectionReport told;
            try {
                told = play.run();
            } catch (RuntimeException e) {
                throw failure(e, hosts);
            }
            say(told.text());
            tell(new Report(told.toJson()), out);
            told.requireFlawless();
            return 0;
        }
    }

    private int move(QmpClient source, QmpClient destination, DemoHosts hosts) throws InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        mode.arrange(settings);
        settings.applyParameters(source);
        settings.applyCapabilities(
                source,
                Stream.concat(Stream.of("events"), mode.capabilities().stream()).toList());
        settings.applyCapabilities(destination, mode.capabilities());
        DemoWire wire = new DemoWire(transport, hosts.directory(), "migration", destination);
        Optional<DemoCut> scissors = cut ? Optional.of(new DemoCut(source, destination, wire)) : Optional.empty();
        String uri = wire.listen("migrate-incoming");
        letRun(RUN_BEFORE);
        long beforeMicros = Pause.longestGapInTheLastSecond(source);
        MigrationRun.Plan plan = new MigrationRun.Plan(
                true,
                mode.startsPostcopy(),
                mode.isPostcopy() ? Optional.of(destination) : Optional.empty(),
                scissors.map(c -> c),
                Addresses.PATIENCE);
        MigrationSample last = new MigrationRun(source, Terminal.view(json, out), plan).run(uri);
        Report report;
        Optional<Verification> verification = Optional.empty();
        if (last.isCompleted()) {
            letRun(RUN_AFTER);
            Pause pause = Pause.across(source, destination, beforeMicros);
            Verification proof = Verification.of(source, destination);
            verification = Optional.of(proof);
            SourceFigures figures = SourceFigures.of(source);
            JsonNode arrived = SourceFigures.of(destination).statistics();
            report = new Report(last, figures, Optional.of(pause), verification, arrived);
            scissors.ifPresent(c -> say(c.outcome()));
            say(Summary.of(
                    last,
                    pause,
                    new DowntimeBreakdown(figures.statistics(), arrived),
                    FaultReport.of(figures.statistics(), arrived),
                    proof));
        } else {
            report = new Report(last, SourceFigures.of(source));
        }
        tell(report, out);
        if (!last.isCompleted()) {
            throw new CommandFailure(Report.ending("The migration", last));
        }
        if (!verification.map(Verification::isProved).orElse(false)) {
            throw new CommandFailure("The guest has moved, but it is not proved that nothing was lost: see above.");
        }
        return 0;
    }

    private List<String> hostWords(GuestKind chosen) {
        return Stream.concat(guest.asWords(chosen).stream(), arbiter.asWords().stream())
                .toList();
    }

    private void tell(Report report, PrintWriter out) {
        report.json().put("mode", mode.name().toLowerCase(Locale.ROOT));
        if (json) {
            out.println(new String(Json.write(report.json()), StandardCharsets.UTF_8));
        }
        if (reportFile != null) {
            report.write(reportFile, out);
        }
    }

    private void letRun(Duration time) throws InterruptedException {
        // Nobody counts it down: the guest is given its time.
        if (never.await(time.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new AssertionError("the latch is never counted down");
        }
    }

    private void say(String line) {
        if (!json) {
            PrintWriter out = spec.commandLine().getOut();
            out.println(line);
            out.flush();
        }
    }
}
