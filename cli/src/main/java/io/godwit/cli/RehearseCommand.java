// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import io.godwit.control.QmpServer;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.host.MachineHost;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Origin;
import io.godwit.qemu.capture.Afterwards;
import io.godwit.qemu.capture.Capture;
import io.godwit.qemu.capture.CapturePlan;
import io.godwit.qemu.capture.CaptureReport;
import io.godwit.qemu.restore.Destination;
import io.godwit.qemu.restore.Rehearsal;
import io.godwit.qemu.restore.Restore;
import io.godwit.qemu.restore.RestoreException;
import io.godwit.qemu.restore.RestoreFigures;
import io.godwit.qemu.restore.StoredGuest;
import io.godwit.store.Store;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
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
    public Integer call() throws IOException, InterruptedException {
        var _ = Rehearsal.begin().figures();
        GuestKind usable = Machines.choose(GuestKind.AUTO).kind();
        List<GuestKind> kinds = usable == GuestKind.KVM ? List.of(GuestKind.MEMORY, GuestKind.KVM) : List.of(usable);
        for (GuestKind kind : kinds) {
            GuestOptions options = GuestOptions.defaults().withKind(kind).withMemoryBytes(MEMORY_BYTES);
            rehearse(options, DemoMode.PRECOPY);
            rehearse(options, DemoMode.POSTCOPY);
        }
        restore(GuestOptions.defaults().withKind(GuestKind.MEMORY).withMemoryBytes(MEMORY_BYTES));
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
            removeTree(directory);
        }
    }

    /** A guest is captured, and brought to life again. */
    private static void restore(GuestOptions options) throws IOException {
        Path directory = Files.createTempDirectory("godwit-rehearse-");
        QmpAddress address = QmpAddress.parse("unix:" + directory.resolve("qmp"));
        try {
            StoreAddress stored = StoreAddress.parse(directory.resolve("store") + "/guest");
            capture(options, directory, stored);
            try (MachineHost host = new MachineHost(
                            Machines.create(options, Origin.ARRIVAL),
                            new FileLockArbiter(directory),
                            Origin.ARRIVAL,
                            true);
                    QmpServer _ = QmpServer.open(address, host);
                    Destination destination = Destination.at(address);
                    StoredGuest guest = StoredGuest.open(stored.store(), stored.name());
                    Restore restore = new Restore(
                            guest,
                            Optional.of(destination),
                            "unix:" + directory.resolve("guest"),
                            new Restore.Settings(true, true, 0))) {
                RestoreFigures _ = restore.run();
                guest.learnt().ifPresent(trace -> stored.store().keepTrace(stored.name(), trace));
            } catch (QmpException | InterruptedException | RestoreException e) {
                // Where postcopy cannot be used it need not be rehearsed.
            }
        } finally {
            removeTree(directory);
        }
    }

    private static void capture(GuestOptions options, Path directory, StoreAddress to) {
        QmpAddress address = QmpAddress.parse("unix:" + directory.resolve("captured.qmp"));
        CapturePlan plan = new CapturePlan(
                address,
                "tcp:127.0.0.1:0",
                Afterwards.KEEP_RUNNING,
                Optional.empty(),
                PATIENCE,
                OptionalLong.empty(),
                OptionalLong.empty());
        try (MachineHost host =
                        new MachineHost(Machines.create(options), new FileLockArbiter(directory), Origin.BOOT, false);
                QmpServer _ = QmpServer.open(address, host)) {
            CaptureReport _ = new Capture(
                            plan,
                            to.name(),
                            () -> Store.openOrCreate(to.place()).write(to.name()),
                            (_, _, _) -> {})
                    .run();
        }
    }

    private static void removeTree(Path directory) throws IOException {
        try (var all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
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
}
