// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.pages.PageId;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.stream.MappedBlock;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Writes a snapshot as the file that QEMU writes to {@code file:} with the capability {@code mapped-ram}, and loads
 * with it.
 */
public final class MappedRamExport {
    private static final int RAM_SECTION_ID = 2;
    private static final int FIRST_DEVICE_ID = 3;
    private static final int HEAD_BYTES = 8192;

    private final Snapshot snapshot;
    private final ExportFile file;
    private long position;

    private MappedRamExport(Snapshot snapshot, ExportFile file) {
        this.snapshot = snapshot;
        this.file = file;
    }

    /** Writes {@code path}, which must not be there yet. */
    public static void write(Snapshot snapshot, Path path) {
        try (ExportFile file = new ExportFile(path)) {
            new MappedRamExport(snapshot, file).write();
        }
    }

    private void write() {
        Manifest manifest = snapshot.manifest();
        ByteBuffer head = ByteBuffer.allocate(HEAD_BYTES);
        StreamWriter.header(head);
        StreamWriter.configuration(head, manifest.configuration().withMappedRam(true));
        StreamWriter.sectionHeader(head, SectionHeader.ram(SectionKind.START, RAM_SECTION_ID));
        long total =
                manifest.blocks().stream().mapToLong(SavedBlock::byteLength).sum();
        StreamWriter.ramBlockListBegin(head, total);
        append(head);
        for (int block = 0; block < manifest.blocks().size(); block++) {
            block(block);
        }
        ByteBuffer end = ByteBuffer.allocate(HEAD_BYTES);
        StreamWriter.endOfRamSection(end, RAM_SECTION_ID);
        StreamWriter.sectionHeader(end, SectionHeader.ram(SectionKind.END, RAM_SECTION_ID));
        StreamWriter.endOfRamSection(end, RAM_SECTION_ID);
        append(end);
        append(tail(manifest));
        file.finish(position);
    }

    private void append(ByteBuffer bytes) {
        bytes.flip();
        int length = bytes.remaining();
        file.write(position, bytes);
        position += length;
    }

    private void block(int index) {
        SavedBlock block = snapshot.manifest().blocks().get(index);
        ByteBuffer entry = ByteBuffer.allocate(HEAD_BYTES);
        StreamWriter.ramBlockEntry(entry, RamBlockEntry.of(block.idstr(), block.byteLength()));
        long bitmapOffset = position + entry.position() + MappedBlock.HEADER_BYTES;
        long bitmapBytes = MappedBlock.bitmapBytes(block.byteLength());
        long unaligned = bitmapOffset + bitmapBytes + MappedBlock.PAGES_ALIGNMENT - 1;
        long pagesOffset = unaligned - unaligned % MappedBlock.PAGES_ALIGNMENT;
        new MappedBlock(index, bitmapOffset, pagesOffset).encode(entry);
        append(entry);
        byte[] bitmap = new byte[Math.toIntExact(bitmapBytes)];
        BlockPages.forEach(snapshot, index, 0, block.pageCount(), (page, content) -> {
            bitmap[(int) (page >>> 3)] |= (byte) (1 << (page & 7));
            file.write(pagesOffset + page * PageId.PAGE_BYTES, content, 0, PageId.PAGE_BYTES);
        });
        file.write(bitmapOffset, bitmap, 0, bitmap.length);
        position = pagesOffset + block.byteLength();
    }

    private static ByteBuffer tail(Manifest manifest) {
        byte[] description = manifest.vmDescription().getBytes(StandardCharsets.UTF_8);
        int length = manifest.devices().stream()
                .mapToInt(device -> device.payload().byteLength() + StreamWriter.MAX_RECORD_BYTES)
                .sum();
        ByteBuffer out = ByteBuffer.allocate(length + description.length + StreamWriter.MAX_RECORD_BYTES);
        int id = FIRST_DEVICE_ID;
        for (SavedDevice device : manifest.devices()) {
            StreamWriter.sectionHeader(
                    out,
                    new SectionHeader(SectionKind.FULL, id, device.idstr(), device.instanceId(), device.versionId()));
            out.put(device.payload().toBuffer());
            StreamWriter.sectionFooter(out, id++);
        }
        StreamWriter.endOfStream(out);
        if (description.length > 0) {
            StreamWriter.vmDescription(out, manifest.vmDescription());
        }
        return out;
    }
}
