// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.stream.StreamInspection;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit inspect}: what is in a migration stream, Godwit's or QEMU's, or in a snapshot of a store. */
@Command(
        name = "inspect",
        description =
                "Lists what is in a migration stream, to its last byte: RAM blocks and their pages, commands, device"
                        + " sections, and how many bytes follow its end. Or what is in a snapshot of a store, or what a"
                        + " running guest's QEMU sends.",
        mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(
            arity = "0..1",
            paramLabel = "STREAM",
            description =
                    "A stream in a file, compressed or in a libvirt save image too; file:PATH,offset=N for one that"
                            + " begins at byte N of it; - for standard input. Or a snapshot. Or tcp:HOST:PORT or"
                            + " unix:PATH, where a source that somebody drives sends its guest; the guest stays there.")
    private String file = "";

    @Option(
            names = "--qmp",
            paramLabel = "ADDRESS",
            description = "The stream of this guest, which runs and goes on running: where its QEMU or Godwit answers"
                    + " QMP. It sends its guest to STREAM; default: any port of this machine.")
    private @Nullable String qmp;

    @Option(names = "--json", description = "One JSON object instead of tables.")
    private boolean json;

    @Option(names = "--fields", description = "The fields of all devices, by name and with their values.")
    private boolean fields;

    @Option(names = "--device", paramLabel = "NAME", description = "The fields of this device only.")
    private String device = "";

    @Option(names = "--map", description = "A picture of the memory, of characters.")
    private boolean map;

    @Option(names = "--picture", paramLabel = "FILE", description = "Writes a picture of the memory, as PNG.")
    private @Nullable Path picture;

    @Option(
            names = "--shared-with",
            paramLabel = "STORE/NAME",
            description = "Another snapshot of the same store: --map and --picture tell which pages it has too.")
    private @Nullable String sharedWith;

    @Override
    public Integer call() {
        String source = qmp;
        if (file.isEmpty() && source == null) {
            throw new ParameterException(spec.commandLine(), "Missing required parameter: 'STREAM'");
        }
        if (source != null || file.startsWith("tcp:") || file.startsWith("unix:")) {
            return live(source);
        }
        Optional<StoreAddress> stored = snapshot();
        if (stored.isPresent()) {
            try (Snapshot snapshot = stored.get().open()) {
                showSnapshot(snapshot);
            }
            return 0;
        }
        if (sharedWith != null) {
            throw new CommandFailure("--shared-with compares snapshots of a store, and " + file + " is none.");
        }
        StreamFile stream = StreamFile.parse(file);
        return show(stream.name(), stream.inspect());
    }

    private int live(@Nullable String source) {
        LiveInspection inspection = new LiveInspection(spec.commandLine().getErr());
        return source == null
                ? show(file, inspection.at(file))
                : show(
                        source,
                        inspection.of(Addresses.qmp(source), Optional.of(file).filter(uri -> !uri.isEmpty())));
    }

    private int show(String name, StreamInspection found) {
        show(
                InspectionViews.tables(found),
                InspectionViews.json(found),
                wanted().map(field -> InspectionViews.fields(found, field)),
                InspectionViews.picture(found));
        return switch (found.ending()) {
            case COMPLETE -> 0;
            case CUT_SHORT, WRONG -> throw new CommandFailure(name + " is not a whole stream: " + found.remark());
            case UNSUPPORTED ->
                throw new CommandFailure(name + " has what this version does not read. " + found.remark());
        };
    }

    /** Of which device fields are wanted, "" for all; empty if none are. */
    private Optional<String> wanted() {
        return fields || !device.isEmpty() ? Optional.of(device) : Optional.empty();
    }

    /** What is no file may be a snapshot. */
    private Optional<StoreAddress> snapshot() {
        boolean other = file.equals("-") || file.startsWith("file:");
        return other || (!file.contains("://") && (!file.contains("/") || Files.exists(Path.of(file))))
                ? Optional.empty()
                : StoreAddress.ofStore(file);
    }

    private void showSnapshot(Snapshot snapshot) {
        String other = sharedWith;
        if (other == null) {
            show(snapshot, Optional.empty());
            return;
        }
        try (Snapshot shared = StoreAddress.parse(other).open()) {
            if (!snapshot.isOfSameStore(shared)) {
                throw new CommandFailure(
                        "--shared-with compares snapshots of one store, and " + other + " is in another one.");
            }
            show(snapshot, Optional.of(shared));
        }
    }

    private void show(Snapshot snapshot, Optional<Snapshot> shared) {
        show(
                SnapshotView.tables(snapshot),
                SnapshotView.json(snapshot),
                wanted().map(name -> SnapshotView.fields(snapshot, name)),
                SnapshotView.picture(snapshot, shared));
    }

    private void show(String tables, ObjectNode object, Optional<FieldTable> values, MemoryPicture memory) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            values.ifPresent(table -> object.set("deviceFields", table.json()));
            out.println(Json.writePretty(object));
        } else {
            out.println(tables);
            values.map(FieldTable::lines).orElse(List.of()).forEach(out::println);
            if (map) {
                memory.lines().forEach(out::println);
            }
        }
        out.flush();
        Path target = picture;
        if (target != null) {
            write(target, memory.png());
        }
    }

    private void write(Path target, byte[] png) {
        try {
            Path _ = Files.write(target, png);
        } catch (IOException e) {
            throw new CommandFailure(target + " cannot be written: " + e.getMessage() + ".", e);
        }
        PrintWriter err = spec.commandLine().getErr();
        err.println(target + ": " + MemoryPicture.legend() + ".");
        err.flush();
    }
}
