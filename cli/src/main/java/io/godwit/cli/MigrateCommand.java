// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/**
 * {@code godwit migrate}: tells a host, Godwit's or QEMU's, to migrate its guest, and shows how that goes. Ctrl-C
 * cancels.
 */
@Command(
        name = "migrate",
        description = "Migrates the guest of a host that answers QMP, Godwit's or QEMU's, and shows the progress."
                + " The destination must wait at URI already, or wait for migrate-incoming and be named with "
                + "--destination."
                + " Ctrl-C cancels, until the guest is at the destination.",
        footer = {
            "",
            "With postcopy the guest runs at the destination before its memory has arrived. Both sides need the "
                    + "capability"
                    + " postcopy-ram: --destination switches it on there, else start that host with --cap postcopy-ram."
                    + " A connection that is lost then pauses the migration and loses nothing; this goes on with it:",
            "",
            "  godwit migrate --recover --qmp DESTINATION-QMP URI   lets the destination listen at URI again",
            "  godwit migrate --resume --qmp SOURCE-QMP URI         connects the source to it",
            "",
            "or both in one: godwit migrate --resume --qmp SOURCE-QMP --destination DESTINATION-QMP URI",
            "",
            "With --cap x-colo the guest does not move: the destination becomes its secondary, and this command tells"
                    + " of that until it ends. godwit protect does the same, and looks beforehand at what is missing."
        },
        mixinStandardHelpOptions = true)
final class MigrateCommand implements Callable<Integer> {
    /** A destination that has refused a guest may need a moment to say why. */
    private static final Duration LAST_WORD = Duration.ofSeconds(1);

    /** LIMIT: a week, longer than any migration. */
    private static final long MAX_PATIENCE_SECONDS = 604_800;

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = "--qmp",
            required = true,
            paramLabel = "ADDRESS",
            description = "Where the source answers QMP: unix:PATH, tcp:HOST:PORT or libvirt:DOMAIN.")
    private String qmp = "";

    @Option(
            names = "--destination",
            paramLabel = "ADDRESS",
            description = "Where the destination answers QMP: settings are made there too, it is told to listen if it"
                    + " does not yet, and asked about faults.")
    private @Nullable String destinationQmp;

    @Parameters(
            paramLabel = "URI",
            description = "Where the guest goes: tcp:HOST:PORT, unix:PATH, exec:COMMAND, file:PATH or fd:N.")
    private String uri = "";

    @Mixin
    private Settings settings = new Settings();

    @Mixin
    private PostcopyArguments postcopy = new PostcopyArguments();

    @Option(
            names = {"-r", "--resume"},
            description = "Go on with a postcopy that is paused.")
    private boolean resuming;

    @Option(
            names = "--recover",
            description = "Let the destination of a postcopy that is paused, at --qmp, listen at URI for its source.")
    private boolean recovering;

    @Option(names = "--json", description = "One JSON object a line instead of a view.")
    private boolean json;

    @Option(names = "--report", paramLabel = "FILE", description = "Write the report to FILE, - for standard output.")
    private @Nullable Path reportFile;

    @Option(
            names = "--patience",
            paramLabel = "SECONDS",
            defaultValue = "60",
            description = "How long the source may say nothing before this command ends; the migration then goes on"
                    + " without it (default: ${DEFAULT-VALUE}).")
    private long patienceSeconds = 60;

    @Override
    public Integer call() {
        if (patienceSeconds < 1 || patienceSeconds > MAX_PATIENCE_SECONDS) {
            throw new ParameterException(spec.commandLine(), "--patience is 1 to " + MAX_PATIENCE_SECONDS + " seconds");
        }
        if (recovering && (resuming || postcopy.areGiven() || destinationQmp != null)) {
            throw new ParameterException(
                    spec.commandLine(), "--recover tells the destination, at --qmp, to listen, and nothing else");
        }
        if (resuming && postcopy.areGiven()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--resume goes on as the migration began, so the postcopy options have no place");
        }
        Report.requireWritable(reportFile);
        try (QmpClient client = QmpClient.connect(Addresses.qmp(qmp), Addresses.PATIENCE)) {
            if (recovering) {
                return recover(client);
            }
            if (destinationQmp == null) {
                return migrate(client, Optional.empty());
            }
            try (QmpClient destination = QmpClient.connect(Addresses.qmp(destinationQmp), Addresses.PATIENCE)) {
                return migrate(client, Optional.of(destination));
            }
        }
    }

    private int recover(QmpClient destination) {
        destination.execute("migrate-recover", Json.object().put("uri", uri), Addresses.PATIENCE);
        if (!json) {
            say("The destination listens at " + uri + ". Next: godwit migrate --resume --qmp SOURCE-QMP " + uri);
        }
        return 0;
    }

    private int migrate(QmpClient source, Optional<QmpClient> destination) {
        PrintWriter out = spec.commandLine().getOut();
        Predicate<MigrationSample> startsPostcopy = postcopy.arrange(source, settings);
        List<String> capabilities = new ArrayList<>(List.of("events"));
        capabilities.addAll(postcopy.capabilities());
        settings.applyParameters(source);
        if (resuming) {
            destination.ifPresent(
                    client -> client.execute("migrate-recover", Json.object().put("uri", uri), Addresses.PATIENCE));
        } else {
            settings.applyCapabilities(source, capabilities);
            destination.ifPresent(client -> prepare(client));
        }
        Duration patience = Duration.ofSeconds(patienceSeconds);
        MigrationRun run = new MigrationRun(
                source,
                Terminal.view(json, out),
                new MigrationRun.Plan(
                        false, startsPostcopy, destination.filter(QmpClient::isGodwit), Optional.empty(), patience));
        Runtime.getRuntime().addShutdownHook(new Thread(run::cancelAndWait, "cancel"));
        MigrationSample last;
        SourceFigures figures;
        Optional<String> note = Optional.empty();
        try {
            last = resuming ? run.resume(uri) : run.run(uri);
            figures = SourceFigures.of(run.source());
        } catch (QmpConnectionException e) {
            LostSource lost = new LostSource(run.source(), destination, patience);
            last = lost.settle(run.last(), e);
            figures = SourceFigures.none();
            note = last.isCompleted() ? Optional.of(lost.whoHasTheGuest()) : Optional.empty();
        }
        JsonNode arrived = destination
                .map(SourceFigures::of)
                .map(SourceFigures::statistics)
                .orElseGet(Json::object);
        Report report = new Report(last, figures, Optional.empty(), Optional.empty(), arrived);
        if (run.wasProtected() && last.isCompleted()) {
            report.json().put("x-owner", "here");
        }
        Optional.ofNullable(reportFile).ifPresent(file -> report.write(file, out));
        conclude(last, destination);
        if (!json && run.wasProtected()) {
            say("Protection has ended, and the guest goes on at the source, alone: " + last.protection() + ".");
        } else if (!json) {
            note.ifPresent(this::say);
            say(Summary.moved(last));
            FaultReport.of(figures.statistics(), arrived)
                    .ifPresent(faults -> faults.lines().forEach(this::say));
        }
        return 0;
    }

    /** Fails with what is to be said of a migration that was not completed. */
    private void conclude(MigrationSample last, Optional<QmpClient> destination) {
        if (last.isPaused()) {
            throw new CommandFailure(PausedPostcopy.advice(last, qmp, Optional.ofNullable(destinationQmp), uri));
        }
        if (last.status().equals(LostSource.UNKNOWN)) {
            throw new CommandFailure(last.error().orElseThrow());
        }
        if (!last.isCompleted()) {
            // A refusal's reason has no place on QEMU's wire: the source knows that it was refused, and no more.
            String there = destination
                    .filter(_ -> last.status().equals("failed"))
                    .flatMap(client -> DestinationWord.of(client, LAST_WORD))
                    .filter(word -> !last.error().orElse("").contains(word.reason()))
                    .map(DestinationWord::sentence)
                    .orElse("");
            throw new CommandFailure(Report.ending("The migration to " + uri, last) + there);
        }
    }

    /** Makes the destination fit for what the source will do, and lets it listen if it has not begun to. */
    private void prepare(QmpClient destination) {
        settings.applyMissingCapabilities(destination, postcopy.capabilities());
        String status = destination
                .execute("query-migrate", Addresses.PATIENCE)
                .path("status")
                .asString("none");
        if (status.equals("none")) {
            try {
                destination.execute("migrate-incoming", Json.object().put("uri", uri), Addresses.PATIENCE);
            } catch (QmpException e) {
                throw new CommandFailure("The destination does not listen: " + e.getMessage(), e);
            }
        }
    }

    private void say(String line) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(line);
        out.flush();
    }
}
