// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code godwit migrate}: tells a host, Godwit's or QEMU's, to migrate its guest, and shows how that goes. Ctrl-C cancels. */
@Command(
        name = "migrate",
        description = "Migrates the guest of a host that answers QMP, Godwit's or QEMU's, and shows the progress."
                + " The destination must wait at URI already. Ctrl-C cancels.",
        mixinStandardHelpOptions = true)
final class MigrateCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = "--qmp",
            required = true,
            paramLabel = "ADDRESS",
            description = "Where the source answers QMP: unix:PATH or tcp:HOST:PORT.")
    private String qmp = "";

    @Parameters(
            paramLabel = "URI",
            description = "Where the guest goes: tcp:HOST:PORT, unix:PATH, exec:COMMAND, file:PATH or fd:N.")
    private String uri = "";

    @Mixin
    private Settings settings = new Settings();

    @Option(names = "--json", description = "One JSON object a line instead of a view.")
    private boolean json;

    @Option(names = "--report", paramLabel = "FILE", description = "Write the report to FILE, - for standard output.")
    private @Nullable Path reportFile;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        Report.requireWritable(reportFile);
        try (QmpClient client = QmpClient.connect(address(), PATIENCE)) {
            settings.applyParameters(client);
            settings.applyCapabilities(client, List.of("events"));
            MigrationRun run = new MigrationRun(client, Terminal.view(json, out), false);
            Thread canceller = new Thread(run::cancelAndWait, "cancel");
            Runtime.getRuntime().addShutdownHook(canceller);
            MigrationSample last = run.run(uri);
            Report report = new Report(last, SourceFigures.of(client));
            Optional.ofNullable(reportFile).ifPresent(file -> report.write(file, out));
            if (!last.isCompleted()) {
                throw new CommandFailure("The migration to " + uri + " " + Report.ending(last));
            }
            if (!json) {
                out.println(Summary.moved(last));
                out.flush();
            }
            return 0;
        }
    }

    private QmpAddress address() {
        try {
            return QmpAddress.parse(qmp);
        } catch (IllegalArgumentException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()), e);
        }
    }
}
