// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.store.DamageException;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.objects.StorePlaces;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.Snapshot;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit store ls}: which snapshots there are. */
@Command(name = "ls", description = "Lists the snapshots of a store.", mixinStandardHelpOptions = true)
final class StoreListCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(paramLabel = "STORE", description = "The store: a directory, or s3://BUCKET/PREFIX.")
    private String address = "";

    @Option(names = "--json", description = "One JSON object instead of a table.")
    private boolean json;

    @Override
    public Integer call() {
        Store store = Store.open(StorePlaces.at(address));
        ArrayNode list = Json.object().putArray("snapshots");
        TextTable table = new TextTable("snapshot", "created", "machine", ">memory", ">content", ">new here");
        int damaged = 0;
        for (SnapshotName name : store.snapshots()) {
            try (Snapshot snapshot = store.snapshot(name)) {
                Manifest manifest = snapshot.manifest();
                list.add(json(name, manifest));
                table.row(
                        name.text(),
                        manifest.facts().getOrDefault("created", ""),
                        manifest.configuration().machine(),
                        ByteSize.binary(memoryBytes(manifest)),
                        String.format(Locale.ROOT, "%,d", manifest.counts().content()),
                        ByteSize.binary(manifest.counts().newBytes()));
            } catch (DamageException e) {
                damaged++;
                list.add(Json.object().put("name", name.text()).put("damage", e.getMessage()));
                table.row(name.text(), "damaged", "", "", "", "");
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        out.println(
                json
                        ? Json.writePretty(Json.object().set("snapshots", list))
                        : String.join(System.lineSeparator(), table.lines()));
        out.flush();
        if (damaged > 0) {
            throw new CommandFailure(damaged + " snapshots cannot be read. Next: godwit store check " + address);
        }
        return 0;
    }

    private static long memoryBytes(Manifest manifest) {
        return manifest.blocks().stream().mapToLong(SavedBlock::byteLength).sum();
    }

    private static ObjectNode json(SnapshotName name, Manifest manifest) {
        return Json.object()
                .put("name", name.text())
                .put("created", manifest.facts().getOrDefault("created", ""))
                .put("machine", manifest.configuration().machine())
                .put("memoryBytes", memoryBytes(manifest))
                .put("contentPages", manifest.counts().content())
                .put("newPages", manifest.counts().newPages())
                .put("newBytes", manifest.counts().newBytes());
    }
}
