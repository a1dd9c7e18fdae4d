// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpServer;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.host.MachineHost;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Origin;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import tools.jackson.databind.JsonNode;

/**
 * {@code godwit rehearse}: a small migration within this process, by all that {@code demo}, {@code host} and {@code
 * migrate} use. The build runs it once to fill the ahead-of-time cache: what is loaded and linked here need not be when
 * a real guest stands still.
 */
@Command(name = "rehearse", hidden = true, description = "A small migration within this process.")
final class RehearseCommand implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final long MEMORY_BYTES = 32L << 20;

    @Override
    public Integer call() throws IOException {
        GuestKind usable = Machines.choose(GuestKind.AUTO).kind();
        List<GuestKind> kinds = usable == GuestKind.KVM ? List.of(GuestKind.MEMORY, GuestKind.KVM) : List.of(usable);
        for (GuestKind kind : kinds) {
            GuestOptions options = GuestOptions.defaults().withKind(kind).withMemoryBytes(MEMORY_BYTES);
            rehearse(options, DemoMode.PRECOPY);
            rehearse(options, DemoMode.POSTCOPY);
        }
        return 0;
    }

    private static void rehearse(GuestOptions options, DemoMode mode) throws IOException {
        Path directory = Files.createTempDirectory("godwit-rehearse-");
        FileLockArbiter here = new FileLockArbiter(directory);
        FileLockArbiter there = new FileLockArbiter(directory);
        QmpAddress sourceAddress = QmpAddress.parse("unix:" + directory.resolve("source.qmp"));
        QmpAddress destinationAddress = QmpAddress.parse("unix:" + directory.resolve("destination.qmp"));
        try (MachineHost source = new MachineHost(Machines.create(options), here, Origin.BOOT, false);
                MachineHost destination =
                        new MachineHost(Machines.create(options, Origin.ARRIVAL), there, Origin.ARRIVAL, true);
                QmpServer _ = QmpServer.open(sourceAddress, source);
                QmpServer _ = QmpServer.open(destinationAddress, destination);
                QmpClient sourceClient = QmpClient.connect(sourceAddress, PATIENCE);
                QmpClient destinationClient = QmpClient.connect(destinationAddress, PATIENCE)) {
            Settings settings = new Settings();
            settings.setDefault("max-bandwidth", "0");
            mode.arrange(settings);
            try {
                settings.applyCapabilities(destinationClient, mode.capabilities());
            } catch (CommandFailure e) {
                // Where postcopy cannot be used it need not be rehearsed.
                return;
            }
            source.cont();
            settings.applyParameters(sourceClient);
            settings.applyCapabilities(sourceClient, List.of("events"));
            settings.applyCapabilities(sourceClient, mode.capabilities());
            move(sourceClient, destinationClient, mode);
        } finally {
            removeAll(directory);
        }
    }

    private static void move(QmpClient source, QmpClient destination, DemoMode mode) {
        String uri =
                new DemoWire(DemoWire.Transport.TCP, Path.of(""), "migration", destination).listen("migrate-incoming");
        long before = Pause.longestGapInTheLastSecond(source);
        PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
        MigrationRun.Plan plan = new MigrationRun.Plan(
                true, mode.startsPostcopy(), Optional.of(destination), Optional.empty(), PATIENCE);
        MigrationSample last = new MigrationRun(source, new PlainProgress(nowhere), plan).run(uri);
        if (!last.isCompleted()) {
            throw new CommandFailure(Report.ending("The rehearsal", last));
        }
        Optional<FaultSample> told =
                FaultSample.of(SourceFigures.of(destination).statistics(), Optional.empty());
        new TerminalProgress(nowhere, true).show(last);
        new TerminalProgress(nowhere, true).show(last.withFaults(told).endedAs("postcopy-active", Optional.empty()));
        Pause pause = Pause.across(source, destination, before);
        Verification proof = Verification.of(source, destination);
        SourceFigures figures = SourceFigures.of(source);
        JsonNode arrived = SourceFigures.of(destination).statistics();
        new Report(last, figures, Optional.of(pause), Optional.of(proof), arrived).write(Path.of("-"), nowhere);
        nowhere.println(Summary.of(
                last,
                pause,
                new DowntimeBreakdown(figures.statistics(), arrived),
                FaultReport.of(figures.statistics(), arrived),
                proof));
    }

    private static void removeAll(Path directory) throws IOException {
        List<Path> files = new ArrayList<>();
        try (var listed = Files.list(directory)) {
            listed.forEach(files::add);
        }
        for (Path file : files) {
            Files.deleteIfExists(file);
        }
        Files.deleteIfExists(directory);
    }
}
