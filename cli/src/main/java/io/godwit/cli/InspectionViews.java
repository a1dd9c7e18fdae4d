// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.StreamInspection;
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
        TextTable table = new TextTable("RAM block", ">length", ">pages sent", ">with content", ">zero", ">distinct");
        for (StreamInspection.Block block : inspection.blocks()) {
            table.row(
                    block.entry().idstr(),
                    ByteSize.binary(block.entry().usedLength()),
                    number(block.normalPages() + block.zeroPages()),
                    number(block.normalPages()),
                    number(block.zeroPages()),
                    number(block.distinctPages()));
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
        for (StreamInspection.Device device : inspection.devices()) {
            String layout = device.description()
                    + (device.subsections().isEmpty() ? "" : " + " + String.join(" + ", device.subsections()));
            table.row(
                    device.idstr(),
                    Integer.toString(device.instanceId()),
                    Integer.toString(device.versionId()),
                    number(device.byteLength()),
                    layout);
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
        json.put("sections", inspection.partCount()).put("vmDescriptionBytes", inspection.vmDescriptionBytes());
        ArrayNode blocks = json.putArray("blocks");
        for (StreamInspection.Block block : inspection.blocks()) {
            blocks.add(Json.object()
                    .put("name", block.entry().idstr())
                    .put("byteLength", block.entry().usedLength())
                    .put("normalPages", block.normalPages())
                    .put("zeroPages", block.zeroPages())
                    .put("distinctPages", block.distinctPages()));
        }
        json.put("commandCount", inspection.commandCount());
        ArrayNode commands = json.putArray("commands");
        for (StreamInspection.PlacedCommand placed : inspection.commands()) {
            commands.add(Json.object().put("position", placed.position()).put("command", describe(placed.command())));
        }
        ArrayNode devices = json.putArray("devices");
        for (StreamInspection.Device device : inspection.devices()) {
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

    private static ObjectNode json(StreamInspection.Device device) {
        ObjectNode json = Json.object()
                .put("name", device.idstr())
                .put("instanceId", device.instanceId())
                .put("versionId", device.versionId())
                .put("byteLength", device.byteLength())
                .put("layout", device.description());
        ArrayNode subsections = json.putArray("subsections");
        device.subsections().forEach(subsections::add);
        return json;
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
