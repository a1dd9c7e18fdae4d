// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.qemu.capture.Afterwards;
import io.godwit.qemu.capture.CapturePlan;
import io.godwit.qemu.capture.CaptureReport;
import io.godwit.qemu.capture.CaptureSeries;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit capture}: a running guest becomes a snapshot in a store. Ctrl-C gives up; the guest runs on. */
@Command(
        name = "capture",
        description = "Writes a running guest of QEMU's or Godwit's into a store: its memory and its devices, not its"
                + " disks. The guest runs on meanwhile, but for a short pause. Ctrl-C gives up, and the guest runs on.",
        mixinStandardHelpOptions = true)
final class CaptureCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = "--qmp",
            required = true,
            paramLabel = "ADDRESS",
            description = "Where the guest's QEMU answers QMP: unix:PATH or tcp:HOST:PORT.")
    private String qmp = "";

    @Parameters(
            paramLabel = "STORE/NAME",
            description = "Where to keep it. A store is made in a new or an empty directory.")
    private String target = "";

    @ArgGroup
    private After after = new After();

    /** What becomes of the guest. */
    private static final class After {
        @Option(names = "--keep-running", description = "The guest runs on afterwards. This is the default.")
        @SuppressWarnings("UnusedVariable") // so that the default can be said
        private boolean running;

        @Option(names = "--pause", description = "The guest stands still afterwards, until 'cont'.")
        private boolean paused;

        @Option(names = "--quit", description = "The guest's QEMU ends when the snapshot is safe.")
        private boolean quit;

        Afterwards chosen() {
            return quit ? Afterwards.QUIT : paused ? Afterwards.PAUSE : Afterwards.KEEP_RUNNING;
        }
    }

    @Option(
            names = "--disk-hook",
            paramLabel = "COMMAND",
            description = "A shell command that keeps the guest's disks. It is called while the guest stands still and"
                    + " its disks are flushed. If it fails, the capture fails and the guest runs on. It is told"
                    + " GODWIT_SNAPSHOT, GODWIT_QMP and GODWIT_DISKS. Its QEMU's disks are inactive then, and Godwit"
                    + " has the QMP socket, which serves one client.")
    private @Nullable String diskHook;

    @Option(
            names = "--hook-timeout",
            paramLabel = "TIME",
            converter = TimeSpan.class,
            defaultValue = "60s",
            description = "How long the disk hook may take: it is killed then, and the capture fails. Default: 60s.")
    private Duration hookTimeout = Duration.ofMinutes(1);

    @Option(
            names = "--listen",
            paramLabel = "URI",
            description = "Where to wait for the guest, as its QEMU can reach it: tcp:HOST:PORT or unix:PATH. Default:"
                    + " any port of this machine.")
    private @Nullable String listen;

    @Option(
            names = "--max-bandwidth",
            paramLabel = "BYTES",
            converter = ByteSize.class,
            description = "The most that the source may send in a second, as 200M. Default: as much as it can.")
    private @Nullable Long maxBandwidth;

    @Option(
            names = "--downtime-limit",
            paramLabel = "MS",
            description = "How long the guest may stand still, for its QEMU to go by. Default: what is set there.")
    private @Nullable Long downtimeMillis;

    @Option(names = "--json", description = "The report as JSON.")
    private boolean json;

    @Option(
            names = "--every",
            paramLabel = "TIME",
            converter = TimeSpan.class,
            description = "Capture again and again, so far apart: 30s, 10m, 1h or 1d. Each snapshot is"
                    + " STORE/NAME/MOMENT. What fails is told, and the next capture is tried.")
    private @Nullable Duration every;

    @Option(
            names = "--keep",
            paramLabel = "NUMBER",
            description = "With --every: how many of these snapshots stay; older ones are removed. Default: all.")
    private int keep = Integer.MAX_VALUE;

    @Option(
            names = "--times",
            paramLabel = "NUMBER",
            description = "With --every: end after so many captures. Default: never.")
    private int times = Integer.MAX_VALUE;

    @Override
    public Integer call() {
        StoreAddress address = StoreAddress.parse(target);
        CapturePlan plan = plan(Addresses.qmp(qmp));
        PrintWriter out = spec.commandLine().getOut();
        CaptureRuns runs = new CaptureRuns(
                plan,
                address.place(),
                spec.commandLine().getErr(),
                (name, report) -> print(out, address.place() + "/" + name, report));
        Runtime.getRuntime().addShutdownHook(new Thread(runs::cancelAndWait, "cancel"));
        if (every == null) {
            if (keep != Integer.MAX_VALUE || times != Integer.MAX_VALUE) {
                throw new ParameterException(spec.commandLine(), "--keep and --times go with --every");
            }
            runs.once(address.name());
            return 0;
        }
        if (keep < 1 || times < 1 || every.toSeconds() < 1) {
            throw new ParameterException(spec.commandLine(), "--every, --keep and --times are at least 1");
        }
        if (plan.afterwards() != Afterwards.KEEP_RUNNING) {
            throw new ParameterException(spec.commandLine(), "--every goes with a guest that is kept running");
        }
        return runs.again(new CaptureSeries(address.name(), keep), every, times) ? 0 : 1;
    }

    private void print(PrintWriter out, String snapshot, CaptureReport report) {
        if (json) {
            ObjectNode node = CaptureView.json(snapshot, report);
            out.println(every == null ? Json.writePretty(node) : new String(Json.write(node), UTF_8));
        } else {
            CaptureView.lines(snapshot, report, diskHook != null).forEach(out::println);
        }
        out.flush();
    }

    private CapturePlan plan(QmpAddress source) {
        return new CapturePlan(
                source,
                listen == null ? Addresses.anyPortTowards(source) : listen,
                after.chosen(),
                Optional.ofNullable(diskHook),
                hookTimeout,
                maxBandwidth == null ? OptionalLong.empty() : OptionalLong.of(maxBandwidth),
                downtimeMillis == null ? OptionalLong.empty() : OptionalLong.of(downtimeMillis));
    }
}
