// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.store.snapshots.Snapshot;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit store show}: what a snapshot has. */
@Command(name = "show", description = "Tells what a snapshot has.", mixinStandardHelpOptions = true)
final class StoreShowCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(paramLabel = "STORE/NAME", description = "The snapshot.")
    private String address = "";

    @Option(names = "--json", description = "One JSON object instead of tables.")
    private boolean json;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        try (Snapshot snapshot = StoreAddress.parse(address).open()) {
            out.println(json ? Json.writePretty(json(snapshot)) : tables(snapshot));
        }
        out.flush();
        return 0;
    }

    private static String tables(Snapshot snapshot) {
        Manifest manifest = snapshot.manifest();
        List<String> lines = new ArrayList<>();
        TextTable facts = new TextTable("machine", manifest.configuration().machine());
        manifest.configuration().uuid().map(UUID::toString).ifPresent(uuid -> facts.row("uuid", uuid));
        manifest.facts().forEach((name, value) -> facts.row(name, firstLine(value)));
        Manifest.Counts counts = manifest.counts();
        facts.row(
                "pages",
                number(counts.content()) + " with content, " + number(counts.zero()) + " of zeros, "
                        + number(counts.absent()) + " that never came");
        facts.row("stored", number(counts.newPages()) + " pages were new, " + ByteSize.binary(counts.newBytes()));
        facts.row(
                "table",
                ByteSize.binary(snapshot.byteLength()) + ", pages in "
                        + manifest.packs().size() + " packs");
        lines.addAll(facts.lines());
        lines.add("");
        TextTable blocks = new TextTable("RAM block", ">length", ">host page");
        for (SavedBlock block : manifest.blocks()) {
            blocks.row(block.idstr(), ByteSize.binary(block.byteLength()), ByteSize.binary(block.hostPageBytes()));
        }
        lines.addAll(blocks.lines());
        lines.add("");
        TextTable devices = new TextTable("device section", ">instance", ">version", ">bytes");
        for (SavedDevice device : manifest.devices()) {
            devices.row(
                    device.idstr(),
                    Integer.toUnsignedString(device.instanceId()),
                    Integer.toUnsignedString(device.versionId()),
                    number(device.payload().byteLength()));
        }
        lines.addAll(devices.lines());
        return String.join(System.lineSeparator(), lines);
    }

    private static String firstLine(String value) {
        String line = value.lines().findFirst().orElse("");
        return line.equals(value) ? value : line + " ...";
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    private static ObjectNode json(Snapshot snapshot) {
        Manifest manifest = snapshot.manifest();
        ObjectNode json = Json.object()
                .put("name", snapshot.name().text())
                .put("machine", manifest.configuration().machine());
        manifest.configuration().uuid().ifPresent(uuid -> json.put("uuid", uuid.toString()));
        ObjectNode facts = json.putObject("facts");
        manifest.facts().forEach(facts::put);
        Manifest.Counts counts = manifest.counts();
        json.put("contentPages", counts.content())
                .put("zeroPages", counts.zero())
                .put("absentPages", counts.absent())
                .put("newPages", counts.newPages())
                .put("newBytes", counts.newBytes())
                .put("packs", manifest.packs().size());
        ArrayNode blocks = json.putArray("blocks");
        for (SavedBlock block : manifest.blocks()) {
            blocks.add(Json.object()
                    .put("name", block.idstr())
                    .put("byteLength", block.byteLength())
                    .put("hostPageBytes", block.hostPageBytes()));
        }
        ArrayNode devices = json.putArray("devices");
        for (SavedDevice device : manifest.devices()) {
            devices.add(Json.object()
                    .put("name", device.idstr())
                    .put("instanceId", device.instanceId())
                    .put("versionId", device.versionId())
                    .put("byteLength", device.payload().byteLength()));
        }
        return json;
    }
}
