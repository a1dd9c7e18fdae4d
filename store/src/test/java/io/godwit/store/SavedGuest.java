// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import io.godwit.store.images.ImageSource;
import io.godwit.store.images.StreamImport;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.Configuration;
import io.godwit.stream.GlobalState;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamWriter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** A guest of a test: blocks of pages, and the stream that a QEMU would have written of it. */
final class SavedGuest {
    static final int PAGE = 4096;

    private static final int RAM_ID = 2;

    private final List<RamBlockEntry> blocks;
    private final List<byte[]> memory = new ArrayList<>();
    private final List<long[]> sent = new ArrayList<>();

    SavedGuest(RamBlockEntry... blocks) {
        this.blocks = List.of(blocks);
        for (RamBlockEntry block : blocks) {
            memory.add(new byte[(int) block.usedLength()]);
        }
    }

    /** One block of so many pages. */
    static SavedGuest ofPages(int pages) {
        return new SavedGuest(RamBlockEntry.of("pc.ram", (long) pages * PAGE));
    }

    /** The content of a block, to be changed. */
    byte[] block(int index) {
        return memory.get(index);
    }

    /** Fills a page with a pattern that compresses well; pattern 0 is zeros. */
    SavedGuest fill(int block, int page, int pattern) {
        ByteBuffer bytes = ByteBuffer.wrap(memory.get(block), page * PAGE, PAGE);
        while (bytes.hasRemaining()) {
            bytes.putInt(pattern);
        }
        return this;
    }

    /** Fills a page with what does not compress. */
    SavedGuest fillRandom(int block, int page, SplittableRandom random) {
        ByteBuffer bytes = ByteBuffer.wrap(memory.get(block), page * PAGE, PAGE);
        while (bytes.hasRemaining()) {
            bytes.putLong(random.nextLong());
        }
        return this;
    }

    /** Sends a page once more, before all others, with other content. */
    SavedGuest sentBefore(int block, int page, int pattern) {
        sent.add(new long[] {block, page, pattern});
        return this;
    }

    /** The stream. */
    byte[] stream() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteBuffer buffer = ByteBuffer.allocate(64 << 10);
        PageRecordWriter pages = new PageRecordWriter(blocks);
        Configuration configuration = Configuration.of("pc-q35-10.0");
        StreamWriter.header(buffer);
        StreamWriter.configuration(buffer, configuration);
        StreamWriter.ramSetup(buffer, RAM_ID, blocks);
        StreamWriter.sectionHeader(buffer, SectionHeader.ram(SectionKind.PART, RAM_ID));
        for (long[] early : sent) {
            pages.pageHeader(buffer, (int) early[0], early[1] * PAGE);
            for (int i = 0; i < PAGE / 4; i++) {
                buffer.putInt((int) early[2]);
            }
            drain(buffer, out);
        }
        for (int block = 0; block < blocks.size(); block++) {
            byte[] content = memory.get(block);
            for (int at = 0; at < content.length; at += PAGE) {
                if (isZero(content, at)) {
                    pages.zeroPage(buffer, block, at);
                } else {
                    pages.pageHeader(buffer, block, at);
                    buffer.put(content, at, PAGE);
                }
                drain(buffer, out);
            }
        }
        StreamWriter.endOfRamSection(buffer, RAM_ID);
        StreamWriter.sectionHeader(buffer, SectionHeader.ram(SectionKind.END, RAM_ID));
        StreamWriter.endOfRamSection(buffer, RAM_ID);
        drain(buffer, out);
        ByteBuffer tail = StreamWriter.tail(configuration, 3, List.of(new GlobalState("running", false).toSection()));
        out.write(tail.array(), tail.arrayOffset(), tail.limit());
        return out.toByteArray();
    }

    private static void drain(ByteBuffer buffer, ByteArrayOutputStream out) {
        out.write(buffer.array(), buffer.arrayOffset(), buffer.position());
        buffer.clear();
    }

    private static boolean isZero(byte[] content, int at) {
        for (int i = at; i < at + PAGE; i++) {
            if (content[i] != 0) {
                return false;
            }
        }
        return true;
    }

    /** Takes the stream into a store. */
    Manifest importInto(Store store, String name) {
        try (SnapshotWriter writer = store.write(new SnapshotName(name))) {
            return importWith(writer);
        }
    }

    /** Takes the stream into a snapshot that has been begun. */
    Manifest importWith(SnapshotWriter writer) {
        try (ImageSource source = ImageSource.of(new ByteArrayInputStream(stream()), 0)) {
            return StreamImport.read(source, writer, Map.of());
        }
    }
}
