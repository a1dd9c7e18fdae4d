// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.StoreException;
import io.godwit.store.objects.StoreFiles;
import io.godwit.store.pages.PageId;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.MappedBlock;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** Takes a stream of QEMU's into a store: plain records, or pages that lie in the file ({@code mapped-ram}). */
public final class StreamImport implements StreamListener {
    private static final int BUFFER_BYTES = 1 << 20;
    private static final int RUN_PAGES = 64;

    private final ImageSource source;
    private final SnapshotWriter writer;
    private final StreamReader reader = StreamReader.forSnapshots(this, StreamLimits.DEFAULT);
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    private final List<MappedBlock> mappedBlocks = new ArrayList<>();
    private Optional<Configuration> configuration = Optional.empty();
    private List<SavedDevice> devices = List.of();
    private String vmDescription = "";

    private StreamImport(ImageSource source, SnapshotWriter writer) {
        this.source = source;
        this.writer = writer;
        reader.allowMappedRam();
    }

    /**
     * Reads a stream to its end and makes a snapshot of it.
     *
     * @param facts what is to be told of the snapshot beside what the source says
     * @throws StoreException if it is not a whole stream, or cannot be kept; the store is as it was
     */
    public static Manifest read(ImageSource source, SnapshotWriter writer, Map<String, String> facts) {
        StreamImport run = new StreamImport(source, writer);
        try {
            run.readStream();
        } catch (StreamFormatException e) {
            throw new StoreException(
                    source.name() + (e.isUnsupported() ? " cannot be imported: " : " is not a whole stream: ")
                            + e.getMessage() + " Nothing was stored.",
                    e);
        } catch (IOException e) {
            throw StoreFiles.failure(source.name() + " cannot be read, nothing was stored", e);
        }
        Map<String, String> all = new LinkedHashMap<>(facts);
        all.putAll(source.facts());
        return writer.finish(all, run.configuration.orElseThrow(), run.devices, run.vmDescription);
    }

    private void readStream() throws IOException {
        for (int n = source.read(buffer); n >= 0; n = source.read(buffer)) {
            buffer.flip();
            reader.consume(buffer);
            if (reader.isComplete()) {
                return;
            }
            OptionalLong jump = reader.jump();
            if (jump.isPresent()) {
                FileChannel _ = mapped().position(jump.getAsLong());
                reader.continueAt(jump.getAsLong() - source.base());
                buffer.clear();
            } else {
                buffer.compact();
            }
        }
        reader.endOfInput();
    }

    private FileChannel mapped() {
        return source.file()
                .orElseThrow(() -> new StoreException(source.name()
                        + " has mapped-ram, whose pages lie in the file: it must be a plain file to be imported."
                        + " Decompress it first. Nothing was stored."));
    }

    @Override
    public void configuration(Configuration found) {
        if (found.isSharedMemoryIgnored()) {
            throw new StoreException(source.name() + " was written with x-ignore-shared, so that memory which was"
                    + " shared is not in it. Nothing was stored.");
        }
        configuration = Optional.of(found.withMappedRam(false));
    }

    @Override
    public void command(Command command) {
        if (command instanceof Command.Packaged) {
            throw new StoreException(source.name() + " is the stream of a postcopy, whose devices come in a package;"
                    + " import a stream that was written to a file. Nothing was stored.");
        }
    }

    @Override
    public void mappedBlock(MappedBlock block) {
        mappedBlocks.add(block);
    }

    @Override
    public void ramBlocks(List<RamBlockEntry> blocks) {
        writer.blocks(blocks.stream().map(SavedBlock::of).toList());
        for (MappedBlock mapped : mappedBlocks) {
            try {
                mappedPages(mapped, blocks.get(mapped.blockIndex()));
            } catch (IOException e) {
                throw StoreFiles.failure(source.name() + " cannot be read, nothing was stored", e);
            }
        }
    }

    /** The pages whose bits are set; the others are zeros. */
    private void mappedPages(MappedBlock mapped, RamBlockEntry block) throws IOException {
        byte[] word = new byte[Long.BYTES];
        byte[] pages = new byte[RUN_PAGES * PageId.PAGE_BYTES];
        for (long first = 0; first < block.pageCount(); first += RUN_PAGES) {
            read(mapped.bitmapOffset() + first / Byte.SIZE, word, word.length);
            long bits = Long.reverseBytes(ByteBuffer.wrap(word).getLong());
            int count = (int) Math.min(RUN_PAGES, block.pageCount() - first);
            if (bits != 0) {
                int there = Math.min(count, Long.SIZE - Long.numberOfLeadingZeros(bits));
                read(mapped.pagesOffset() + first * PageId.PAGE_BYTES, pages, there * PageId.PAGE_BYTES);
            }
            for (int i = 0; i < count; i++) {
                long offset = (first + i) * PageId.PAGE_BYTES;
                if (((bits >>> i) & 1) != 0) {
                    writer.page(mapped.blockIndex(), offset, pages, i * PageId.PAGE_BYTES);
                } else {
                    writer.zeroPage(mapped.blockIndex(), offset);
                }
            }
        }
    }

    private void read(long at, byte[] into, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(into, 0, length);
        while (bytes.hasRemaining()) {
            if (mapped().read(bytes, at + bytes.position()) < 0) {
                throw new StoreException(source.name() + " ends before byte " + (at + length)
                        + ", where its block list has pages. Nothing was stored.");
            }
        }
    }

    @Override
    public void page(int blockIndex, long offset, ByteBuffer content, int index) {
        writer.page(blockIndex, offset, content.array(), content.arrayOffset() + index);
    }

    @Override
    public void zeroPage(int blockIndex, long offset) {
        writer.zeroPage(blockIndex, offset);
    }

    @Override
    public void deviceSections(List<DeviceSection> sections, String description) {
        devices = sections.stream().map(SavedDevice::of).toList();
        vmDescription = description;
    }
}
