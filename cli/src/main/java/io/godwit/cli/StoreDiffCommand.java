// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.store.care.Difference;
import io.godwit.store.snapshots.Snapshot;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit diff}: what is not the same in two guests that stand still. */
@Command(
        name = "diff",
        description =
                "Tells in which pages and devices two snapshots differ, or two files that godwit store import takes.",
        footer = {"", "Files are imported into a store in the directory for temporary files, which is removed again."},
        mixinStandardHelpOptions = true)
final class StoreDiffCommand implements Callable<Integer> {
    private static final int PAGE_BITS = 12;
    private static final int SHOWN = 12;

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "STORE/NAME|FILE", description = "A snapshot or a file.")
    private String first = "";

    @Parameters(index = "1", paramLabel = "STORE/NAME|FILE", description = "Another one.")
    private String second = "";

    @Option(names = "--json", description = "One JSON object, with all ranges, instead of tables.")
    private boolean json;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        try (ComparedGuests guests = new ComparedGuests();
                Snapshot one = guests.open(first);
                Snapshot other = guests.open(second)) {
            Difference difference = Difference.between(one, other);
            out.println(json ? Json.writePretty(json(difference)) : tables(difference));
        }
        out.flush();
        return 0;
    }

    private static String tables(Difference difference) {
        TextTable blocks = new TextTable("RAM block", ">length", ">pages differ", "bytes from-to");
        for (Difference.Block block : difference.blocks()) {
            String length = block.firstBytes() == block.secondBytes()
                    ? ByteSize.binary(block.firstBytes())
                    : ByteSize.binary(block.firstBytes()) + " and " + ByteSize.binary(block.secondBytes());
            blocks.row(
                    block.idstr(),
                    length,
                    String.format(Locale.ROOT, "%,d", block.differingPages()),
                    ranges(block.ranges()));
        }
        List<String> lines = new ArrayList<>(blocks.lines());
        lines.add("");
        if (difference.devices().isEmpty()) {
            lines.add("All devices are the same.");
        } else {
            TextTable devices = new TextTable("device that differs", "how", "fields");
            for (Difference.Device device : difference.devices()) {
                devices.row(device.device(), device.what(), shortened(device.fields()));
            }
            lines.addAll(devices.lines());
        }
        return String.join(System.lineSeparator(), lines);
    }

    private static String ranges(List<Difference.Range> ranges) {
        return shortened(ranges.stream()
                .limit(SHOWN + 1L)
                .map(range -> String.format(
                        Locale.ROOT,
                        "%x-%x",
                        range.first() << PAGE_BITS,
                        ((range.first() + range.count()) << PAGE_BITS) - 1))
                .toList());
    }

    private static String shortened(List<String> items) {
        return items.stream().limit(SHOWN).collect(Collectors.joining(" ")) + (items.size() > SHOWN ? " ..." : "");
    }

    private static ObjectNode json(Difference difference) {
        ObjectNode json = Json.object();
        ArrayNode blocks = json.putArray("blocks");
        for (Difference.Block block : difference.blocks()) {
            ObjectNode one = Json.object()
                    .put("name", block.idstr())
                    .put("firstBytes", block.firstBytes())
                    .put("secondBytes", block.secondBytes())
                    .put("differingPages", block.differingPages());
            ArrayNode ranges = one.putArray("ranges");
            block.ranges()
                    .forEach(range -> ranges.add(Json.object()
                            .put("offset", range.first() << PAGE_BITS)
                            .put("byteLength", range.count() << PAGE_BITS)));
            blocks.add(one);
        }
        ArrayNode devices = json.putArray("devices");
        for (Difference.Device device : difference.devices()) {
            ObjectNode one = Json.object().put("name", device.device()).put("what", device.what());
            ArrayNode fields = one.putArray("fields");
            device.fields().forEach(fields::add);
            devices.add(one);
        }
        return json;
    }
}
