// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.store.care.DeviceFields;
import io.godwit.store.pages.PlaceNumber;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.store.snapshots.Snapshot;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A snapshot of a store as tables for people, as JSON for programs, and as a picture. */
final class SnapshotView {
    private static final int BATCH_PAGES = 4096;

    private SnapshotView() {}

    static String tables(Snapshot snapshot) {
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

    static ObjectNode json(Snapshot snapshot) {
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

    /** Fields of its devices. */
    static FieldTable fields(Snapshot snapshot, String wanted) {
        DeviceFields fields = DeviceFields.of(snapshot.manifest().vmDescription());
        FieldTable table = new FieldTable(wanted);
        for (SavedDevice device : snapshot.manifest().devices()) {
            table.add(device.idstr(), device.instanceId(), device.payload(), fields.of(device));
        }
        return table;
    }

    /** Its memory; what another snapshot of the same store has too is told. */
    static MemoryPicture picture(Snapshot snapshot, Optional<Snapshot> other) {
        long[] shared = other.map(SnapshotView::places).orElse(new long[0]);
        MemoryPicture picture = new MemoryPicture();
        List<SavedBlock> blocks = snapshot.manifest().blocks();
        for (int block = 0; block < blocks.size(); block++) {
            int index = block;
            long[] places = new long[1];
            picture.add(blocks.get(block).idstr(), blocks.get(block).pageCount(), page -> {
                snapshot.places(index, page, 1, places);
                return kind(places[0], shared);
            });
        }
        return picture;
    }

    private static MemoryPicture.Kind kind(long place, long[] shared) {
        if (!PlaceNumber.isStored(place)) {
            return place == PlaceNumber.ZERO ? MemoryPicture.Kind.ZERO : MemoryPicture.Kind.ABSENT;
        }
        return Arrays.binarySearch(shared, place) >= 0 ? MemoryPicture.Kind.SHARED : MemoryPicture.Kind.CONTENT;
    }

    /** Places of all pages with content, in ascending order. */
    private static long[] places(Snapshot snapshot) {
        long[] found = new long[Math.toIntExact(snapshot.manifest().counts().content())];
        long[] batch = new long[BATCH_PAGES];
        int count = 0;
        List<SavedBlock> blocks = snapshot.manifest().blocks();
        for (int block = 0; block < blocks.size(); block++) {
            long pages = blocks.get(block).pageCount();
            for (long first = 0; first < pages; first += BATCH_PAGES) {
                int taken = (int) Math.min(BATCH_PAGES, pages - first);
                snapshot.places(block, first, taken, batch);
                for (int i = 0; i < taken; i++) {
                    if (PlaceNumber.isStored(batch[i]) && count < found.length) {
                        found[count++] = batch[i];
                    }
                }
            }
        }
        Arrays.sort(found, 0, count);
        return Arrays.copyOf(found, count);
    }
}
