// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.qemu.restore.Destination;
import io.godwit.qemu.restore.LaunchedQemu;
import io.godwit.qemu.restore.LaunchedQemus;
import io.godwit.qemu.restore.Rehearsal;
import io.godwit.qemu.restore.Restore;
import io.godwit.qemu.restore.RestoreFigures;
import io.godwit.qemu.restore.StoredGuest;
import io.godwit.store.StoreException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit restore}: a stored guest comes to life. */
@Command(
        name = "restore",
        description = "Brings a stored guest to life in a QEMU or a Godwit host: at once, while its memory follows.",
        customSynopsis = {
            "godwit restore [OPTIONS] STORE/NAME URI",
            "godwit restore [OPTIONS] STORE/NAME -- qemu-system-x86_64 ARGUMENT..."
        },
        footer = {
            "",
            "With '--' Godwit starts that QEMU itself. The arguments must make the machine that was stored, without"
                    + " -incoming. The command ends when QEMU does, with its status; --detach lets it go on alone.",
            "",
            "With a URI the destination was started before, with '-incoming defer' and a QMP address for --qmp, or"
                    + " it listens at URI already and its capabilities postcopy-ram and postcopy-preempt are on;"
                    + " without the second, say --no-preempt.",
            "",
            "Status: 0 all memory is there; 1 the guest was not restored, or lacks memory; else that of QEMU."
        },
        mixinStandardHelpOptions = true)
final class RestoreCommand implements Callable<Integer> {
    private static final System.Logger LOG = System.getLogger(RestoreCommand.class.getName());

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "STORE/NAME", description = "The guest.")
    private String address = "";

    @Parameters(
            index = "1..*",
            paramLabel = "URI",
            description =
                    "Where the destination listens: tcp:HOST:PORT or unix:PATH; or, behind --, the QEMU to start.")
    private List<String> words = List.of();

    @Mixin
    private RestoreArguments arguments = new RestoreArguments();

    @Option(
            names = "--qmp",
            paramLabel = "ADDRESS",
            description = "Where the destination answers QMP: unix:PATH or tcp:HOST:PORT. Capabilities are set there,"
                    + " it is told to listen, and to listen again if the connection is lost.")
    private Optional<String> qmp = Optional.empty();

    @Option(
            names = "--detach",
            description = "Let the QEMU that is started become a daemon, and end when all memory is there.")
    private boolean detach;

    @Option(names = "--json", description = "Say what it took as JSON.")
    private boolean json;

    @Override
    public Integer call() throws InterruptedException {
        List<String> command = RestoreArguments.command(spec, words);
        Rehearsal rehearsal = Rehearsal.begin();
        if (command.isEmpty()) {
            return intoRunning(rehearsal);
        }
        if (words.size() > command.size() || qmp.isPresent()) {
            throw new ParameterException(
                    spec.commandLine(), "A URI and --qmp are for a destination that runs already; '--' starts one");
        }
        return intoNew(command, rehearsal);
    }

    private StoredGuest guest() {
        StoreAddress stored = StoreAddress.parse(address);
        return StoredGuest.open(stored.store(), stored.name());
    }

    /** The next restore sends first what this guest has asked for. Where that cannot be kept, it does not. */
    private void remember(StoredGuest guest) {
        StoreAddress stored = StoreAddress.parse(address);
        try {
            guest.learnt().ifPresent(trace -> stored.store().keepTrace(stored.name(), trace));
        } catch (StoreException e) {
            LOG.log(System.Logger.Level.DEBUG, "the trace is not kept: {0}", e.getMessage());
        }
    }

    private int intoRunning(Rehearsal rehearsal) throws InterruptedException {
        if (words.size() != 1 || detach) {
            throw new ParameterException(
                    spec.commandLine(),
                    "Say one URI where the destination listens, or '--' and the QEMU to start, for which --detach is");
        }
        Optional<Destination> destination = qmp.map(text -> Destination.at(Addresses.qmp(text)));
        try (StoredGuest guest = guest();
                Restore restore = new Restore(guest, destination, words.getFirst(), arguments.settings())) {
            rehearsal.await();
            tell(restore.run(), Optional.empty());
            remember(guest);
            return 0;
        } finally {
            destination.ifPresent(Destination::close);
        }
    }

    private int intoNew(List<String> command, Rehearsal rehearsal) throws InterruptedException {
        LaunchedQemus qemus = new LaunchedQemus();
        Runtime.getRuntime().addShutdownHook(new Thread(qemus::end, "restore-end"));
        try (LaunchedQemu qemu = restored(command, rehearsal, qemus)) {
            if (detach) {
                qemu.letGo();
                return 0;
            }
            return qemu.awaitEnd();
        }
    }

    private LaunchedQemu restored(List<String> command, Rehearsal rehearsal, LaunchedQemus qemus)
            throws InterruptedException {
        try (StoredGuest guest = guest()) {
            LaunchedQemu qemu = LaunchedQemu.start(command, detach, qemus);
            RestoreFigures figures;
            try (Restore restore = Restore.into(qemu, guest, arguments.settings())) {
                rehearsal.await();
                figures = restore.run();
                qemu.guestIsWhole();
            } catch (RuntimeException e) {
                try (qemu) {
                    throw qemu.failed(e);
                }
            }
            tell(figures, qemu.pid());
            remember(guest);
            return qemu;
        }
    }

    private void tell(RestoreFigures figures, Optional<Long> pid) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(json ? json(figures, pid) : sentence(figures, pid));
        out.flush();
    }

    private String sentence(RestoreFigures figures, Optional<Long> pid) {
        return String.format(
                Locale.ROOT,
                "%s runs%s: after %.1f ms, with all of its memory after %.0f ms; it asked for %,d pages%s",
                address,
                pid.map(number -> " in process " + number).orElse(""),
                figures.runningNanos() / 1e6,
                figures.completeNanos() / 1e6,
                figures.requests(),
                figures.recoveries() == 0 ? "" : "; the connection was made anew " + figures.recoveries() + " times");
    }

    private String json(RestoreFigures figures, Optional<Long> pid) {
        ObjectNode told = Json.object()
                .put("snapshot", address)
                .put("runningMillis", figures.runningNanos() / 1e6)
                .put("completeMillis", figures.completeNanos() / 1e6)
                .put("pages", figures.pages())
                .put("zeroPages", figures.zeroPages())
                .put("requests", figures.requests())
                .put("bytes", figures.bytes())
                .put("recoveries", figures.recoveries());
        pid.ifPresent(number -> told.put("pid", number));
        return new String(Json.write(told), StandardCharsets.UTF_8);
    }
}
