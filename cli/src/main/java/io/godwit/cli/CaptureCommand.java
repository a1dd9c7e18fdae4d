// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.qemu.capture.Afterwards;
import io.godwit.qemu.capture.Capture;
import io.godwit.qemu.capture.CapturePlan;
import io.godwit.qemu.capture.CaptureReport;
import io.godwit.qemu.capture.Disk;
import io.godwit.store.Store;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SnapshotWriter;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
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
                    + " GODWIT_SNAPSHOT, GODWIT_QMP and GODWIT_DISKS.")
    private @Nullable String diskHook;

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

    @Override
    public Integer call() {
        CaptureReport report = capture(StoreAddress.parse(target));
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.writePretty(json(report)));
        } else {
            lines(report).forEach(out::println);
        }
        out.flush();
        return 0;
    }

    private CaptureReport capture(StoreAddress address) {
        CapturePlan plan = plan(Addresses.qmp(qmp));
        Store store = Store.openOrCreate(address.directory());
        try (SnapshotWriter writer = store.write(address.name())) {
            Capture capture = new Capture(
                    plan,
                    address.name(),
                    writer,
                    new CaptureProgress(spec.commandLine().getErr()));
            CountDownLatch ended = new CountDownLatch(1);
            Thread hook = new Thread(() -> cancel(capture, ended), "cancel");
            Runtime.getRuntime().addShutdownHook(hook);
            try {
                return capture.run();
            } finally {
                ended.countDown();
            }
        }
    }

    private CapturePlan plan(QmpAddress source) {
        return new CapturePlan(
                source,
                listen == null ? Addresses.anyPortBeside(source) : listen,
                after.chosen(),
                Optional.ofNullable(diskHook),
                maxBandwidth == null ? OptionalLong.empty() : OptionalLong.of(maxBandwidth),
                downtimeMillis == null ? OptionalLong.empty() : OptionalLong.of(downtimeMillis));
    }

    /** The process is told to end: the source is brought to rest first. */
    private static void cancel(Capture capture, CountDownLatch ended) {
        capture.cancel();
        try {
            if (!ended.await(Addresses.PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                System.err.println("godwit: the source has not come to rest within " + Addresses.PATIENCE.toSeconds()
                        + " s; its guest goes on by itself. Ask it with query-migrate.");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private List<String> lines(CaptureReport report) {
        Manifest.Counts counts = report.manifest().counts();
        String pages = String.format(
                Locale.ROOT,
                "%s: %s, %,d pages with content, %,d of zeros; new to the store %,d pages, %s",
                target,
                report.manifest().configuration().machine(),
                counts.content(),
                counts.zero(),
                counts.newPages(),
                ByteSize.binary(counts.newBytes()));
        String guest = report.pause()
                .map(pause -> "The guest stood still for " + TimeSpan.text(pause.toNanos()) + ", and is "
                        + report.runState() + ".")
                .orElse("The guest is " + report.runState() + ".");
        String took = String.format(
                Locale.ROOT,
                "Captured in %s: %s on the wire, %,d pages.",
                TimeSpan.text(report.took().toNanos()),
                ByteSize.decimal(report.wireBytes()),
                report.pages());
        return report.disks().isEmpty() ? List.of(pages, took, guest) : List.of(pages, took, guest, disks(report));
    }

    private String disks(CaptureReport report) {
        String names = report.disks().stream().map(Disk::toString).collect(Collectors.joining(", "));
        return "Disks are not captured: " + names
                + (diskHook == null
                        ? ". A restored guest needs them as they were; --disk-hook keeps them."
                        : ". The disk hook was called while the guest stood still.");
    }

    private ObjectNode json(CaptureReport report) {
        Manifest.Counts counts = report.manifest().counts();
        ObjectNode node = Json.object()
                .put("snapshot", target)
                .put("machine", report.manifest().configuration().machine())
                .put("contentPages", counts.content())
                .put("zeroPages", counts.zero())
                .put("absentPages", counts.absent())
                .put("newPages", counts.newPages())
                .put("newBytes", counts.newBytes())
                .put("tookMillis", report.took().toMillis())
                .put("receivedMillis", report.received().toMillis())
                .put("wireBytes", report.wireBytes())
                .put("sentPages", report.pages())
                .put("runState", report.runState());
        report.pause().ifPresent(pause -> node.put("pauseMicros", pause.toNanos() / 1000));
        ArrayNode disks = node.putArray("disks");
        report.disks()
                .forEach(disk -> disks.add(Json.object()
                        .put("name", disk.name())
                        .put("file", disk.file())
                        .put("writable", disk.writable())));
        return node;
    }
}
