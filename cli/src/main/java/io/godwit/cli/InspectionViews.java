// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.StateField;
import io.godwit.stream.StreamInspection;
import io.godwit.stream.VmStateDescription;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** An inspected stream as tables for people and as JSON for programs. */
final class InspectionViews {
    private InspectionViews() {}

    static String tables(StreamInspection inspection) {
        List<String> lines = new ArrayList<>();
        inspection.configuration().ifPresent(configuration -> {
            lines.add("machine   " + configuration.machine());
            configuration.uuid().map(UUID::toString).ifPresent(uuid -> lines.add("uuid      " + uuid));
            if (!configuration.capabilities().isEmpty()) {
                lines.add("with      " + String.join(", ", configuration.capabilities()));
            }
        });
        lines.add(String.format(
                Locale.ROOT,
                "stream    %,d bytes, %s",
                inspection.byteLength(),
                inspection.complete() ? "read to its last byte" : inspection.remark()));
        if (inspection.trailingBytes() > 0) {
            lines.add("behind    " + number(inspection.trailingBytes()) + " bytes follow its end");
        }
        String sections = number(inspection.partCount());
        lines.add(
                inspection.passes().isPresent()
                        ? "passes    " + inspection.passes().getAsInt() + " in " + sections + " sections"
                        : "sections  " + sections + " of a background snapshot, which has no passes");
        if (inspection.multifdFlushes() > 0) {
            lines.add("multifd   pages went over other connections, which are not in here; they were waited for "
                    + number(inspection.multifdFlushes()) + " times");
        }
        if (!inspection.blocks().isEmpty()) {
            lines.add("");
            lines.addAll(blocks(inspection));
        }
        if (!inspection.commands().isEmpty()) {
            lines.add("");
            lines.addAll(commands(inspection));
        }
        if (!inspection.devices().isEmpty()) {
            lines.add("");
            lines.addAll(devices(inspection));
        }
        return String.join(System.lineSeparator(), lines);
    }

    private static List<String> blocks(StreamInspection inspection) {
        boolean encoded = inspection.blocks().stream().anyMatch(block -> block.encodedPages() > 0);
        TextTable table = encoded
                ? new TextTable(
                        "RAM block", ">length", ">pages sent", ">with content", ">zero", ">by XBZRLE", ">distinct")
                : new TextTable("RAM block", ">length", ">pages sent", ">with content", ">zero", ">distinct");
        for (StreamInspection.Block block : inspection.blocks()) {
            List<String> cells = new ArrayList<>(List.of(
                    block.entry().idstr(),
                    ByteSize.binary(block.entry().usedLength()),
                    number(block.normalPages() + block.zeroPages() + block.encodedPages()),
                    number(block.normalPages()),
                    number(block.zeroPages()),
                    number(block.distinctPages())));
            if (encoded) {
                cells.add(cells.size() - 1, number(block.encodedPages()));
            }
            table.row(cells.toArray(String[]::new));
        }
        return table.lines();
    }

    private static List<String> commands(StreamInspection inspection) {
        TextTable table = new TextTable(">at byte", "command");
        for (StreamInspection.PlacedCommand placed : inspection.commands()) {
            table.row(number(placed.position()), describe(placed.command()));
        }
        List<String> lines = table.lines();
        long more = inspection.commandCount() - inspection.commands().size();
        if (more > 0) {
            lines.add("and " + number(more) + " more");
        }
        return lines;
    }

    private static List<String> devices(StreamInspection inspection) {
        TextTable table = new TextTable("device section", ">instance", ">version", ">bytes", "layout");
        for (DeviceSection device : inspection.devices()) {
            List<String> subsections = subsections(device);
            table.row(
                    device.idstr(),
                    Integer.toString(device.instanceId()),
                    Integer.toString(device.versionId()),
                    number(device.payload().byteLength()),
                    device.description().name()
                            + (subsections.isEmpty() ? "" : " + " + String.join(" + ", subsections)));
        }
        return table.lines();
    }

    static ObjectNode json(StreamInspection inspection) {
        ObjectNode json = Json.object()
                .put("complete", inspection.complete())
                .put("remark", inspection.remark())
                .put(
                        "ending",
                        inspection.ending().name().toLowerCase(Locale.ROOT).replace('_', '-'))
                .put("byteLength", inspection.byteLength())
                .put("trailingBytes", inspection.trailingBytes());
        inspection.configuration().ifPresent(configuration -> json.set("configuration", json(configuration)));
        inspection.passes().ifPresentOrElse(passes -> json.put("passes", passes), () -> json.putNull("passes"));
        json.put("multifdFlushes", inspection.multifdFlushes());
        json.put("sections", inspection.partCount()).put("vmDescriptionBytes", inspection.vmDescriptionBytes());
        ArrayNode blocks = json.putArray("blocks");
        for (StreamInspection.Block block : inspection.blocks()) {
            blocks.add(Json.object()
                    .put("name", block.entry().idstr())
                    .put("byteLength", block.entry().usedLength())
                    .put("normalPages", block.normalPages())
                    .put("zeroPages", block.zeroPages())
                    .put("encodedPages", block.encodedPages())
                    .put("distinctPages", block.distinctPages()));
        }
        json.put("commandCount", inspection.commandCount());
        ArrayNode commands = json.putArray("commands");
        for (StreamInspection.PlacedCommand placed : inspection.commands()) {
            commands.add(Json.object().put("position", placed.position()).put("command", describe(placed.command())));
        }
        ArrayNode devices = json.putArray("devices");
        for (DeviceSection device : inspection.devices()) {
            devices.add(json(device));
        }
        return json;
    }

    private static ObjectNode json(Configuration configuration) {
        ObjectNode json = Json.object().put("machine", configuration.machine());
        configuration.uuid().ifPresent(uuid -> json.put("uuid", uuid.toString()));
        ArrayNode capabilities = json.putArray("capabilities");
        configuration.capabilities().forEach(capabilities::add);
        return json;
    }

    private static ObjectNode json(DeviceSection device) {
        ObjectNode json = Json.object()
                .put("name", device.idstr())
                .put("instanceId", device.instanceId())
                .put("versionId", device.versionId())
                .put("byteLength", device.payload().byteLength())
                .put("layout", device.description().name());
        ArrayNode subsections = json.putArray("subsections");
        subsections(device).forEach(subsections::add);
        return json;
    }

    /** Names of the subsections that were sent. */
    private static List<String> subsections(DeviceSection device) {
        return device.description().subsections().stream()
                .map(VmStateDescription::name)
                .toList();
    }

    /** Fields of the devices. */
    static FieldTable fields(StreamInspection inspection, String wanted) {
        FieldTable table = new FieldTable(wanted);
        for (DeviceSection device : inspection.devices()) {
            // A device of the old style is one buffer, of which nothing is known.
            List<StateField> fields = device.description().name().isEmpty()
                    ? List.of()
                    : StateField.of(device.description(), device.payload().byteLength());
            table.add(device.idstr(), device.instanceId(), device.payload(), fields);
        }
        return table;
    }

    /** The memory that the stream brings. */
    static MemoryPicture picture(StreamInspection inspection) {
        MemoryPicture picture = new MemoryPicture();
        for (StreamInspection.Block block : inspection.blocks()) {
            picture.add(
                    block.entry().idstr(),
                    block.entry().pageCount(),
                    page -> MemoryPicture.Kind.of(block.kinds().of(page)));
        }
        return picture;
    }

    private static String describe(Command command) {
        return switch (command) {
            case Command.OpenReturnPath _ -> "open return path";
            case Command.Ping ping -> "ping 0x" + Integer.toHexString(ping.value());
            case Command.PostcopyAdvise _ -> "postcopy advise";
            case Command.PostcopyListen _ -> "postcopy listen";
            case Command.PostcopyRun _ -> "postcopy run";
            case Command.PostcopyRamDiscard discard ->
                "postcopy discard " + discard.block() + ", " + discard.ranges().size() + " ranges";
            case Command.Packaged packaged ->
                "packaged, " + number(packaged.blob().byteLength()) + " bytes";
            case Command.EnableColo _ -> "enable COLO";
            case Command.PostcopyResume _ -> "postcopy resume";
            case Command.ReceivedBitmap bitmap -> "received bitmap " + bitmap.block();
            case Command.SwitchoverStart _ -> "switchover start";
        };
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }
}
