// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Counts what a stream contains. */
public final class Inspector implements StreamListener {
    private static final int BUFFER_BYTES = 256 << 10;

    private final StreamReader reader;
    private Optional<Configuration> configuration = Optional.empty();
    private List<RamBlockEntry> entries = List.of();
    private PageCounts[] counts = new PageCounts[0];
    private final List<StreamInspection.PlacedCommand> commands = new ArrayList<>();
    private long commandCount;
    private long total;
    private long partCount;
    private long multifdFlushes;
    private final List<MappedBlock> mappedBlocks = new ArrayList<>();
    private Optional<SeekableByteChannel> mapped = Optional.empty();
    private long base;
    private boolean ramEnded;
    private int passes;
    private int lastBlock = Integer.MAX_VALUE;
    private long lastOffset;
    private List<DeviceSection> devices = List.of();
    private long vmDescriptionBytes;

    private Inspector(StreamLimits limits) {
        reader = StreamReader.forSnapshots(this, limits);
        reader.allowChangedBlockList();
        reader.allowOtherRecords();
    }

    /**
     * Reads a stream to its end or to the first thing that is wrong; the latter is told in {@link
     * StreamInspection#remark}.
     *
     * @throws IOException if the source cannot be read
     */
    public static StreamInspection inspect(ReadableByteChannel source, StreamLimits limits) throws IOException {
        return new Inspector(limits).read(source);
    }

    /**
     * The same of a file, whose pages may lie outside of the stream ({@code mapped-ram}).
     *
     * @param file stands at the stream's first byte
     * @throws IOException if the file cannot be read
     */
    public static StreamInspection inspect(SeekableByteChannel file, StreamLimits limits) throws IOException {
        Inspector inspector = new Inspector(limits);
        inspector.mapped = Optional.of(file);
        inspector.base = file.position();
        inspector.reader.allowMappedRam();
        return inspector.read(file);
    }

    /**
     * Reads a stream as {@link #inspect(ReadableByteChannel, StreamLimits)} with the default limits.
     *
     * @throws IOException if the source cannot be read
     */
    public static StreamInspection inspect(InputStream source) throws IOException {
        return inspect(Channels.newChannel(source), StreamLimits.DEFAULT);
    }

    /** Goes on where the block list does, behind the pages of a block. */
    private void jump(ByteBuffer buffer) throws IOException {
        OptionalLong jump = reader.jump();
        if (jump.isPresent()) {
            SeekableByteChannel _ = mapped.orElseThrow().position(jump.getAsLong());
            reader.continueAt(jump.getAsLong() - base);
            total = jump.getAsLong() - base;
            buffer.position(buffer.limit());
        }
    }

    @Override
    public void mappedBlock(MappedBlock block) {
        mappedBlocks.add(block);
    }

    /** The pages whose bits are set are in the file; the others are zeros, and not there. */
    private void countMapped(MappedBlock block, RamBlockEntry entry) throws IOException {
        SeekableByteChannel file = mapped.orElseThrow();
        ByteBuffer bits = ByteBuffer.allocate(BUFFER_BYTES);
        long length = MappedBlock.bitmapBytes(entry.usedLength());
        long before = file.position();
        for (long done = 0; done < length; ) {
            bits.clear().limit((int) Math.min(BUFFER_BYTES, length - done));
            while (bits.hasRemaining()) {
                long at = block.bitmapOffset() + done + bits.position();
                if (file.position(at).read(bits) < 0) {
                    throw new StreamPlace(at - base, "the bitmap of RAM block '" + entry.idstr() + "'")
                            .incomplete("the file ended too early.");
                }
            }
            bits.flip();
            for (int i = 0; i < bits.limit(); i++) {
                for (int b = Byte.toUnsignedInt(bits.get(i)); b != 0; b &= b - 1) {
                    long page = (done + i) * Byte.SIZE + Integer.numberOfTrailingZeros(b);
                    if (page < entry.pageCount()) {
                        counts[block.blockIndex()].normal++;
                        counts[block.blockIndex()].see(page, true);
                    }
                }
            }
            done += bits.limit();
        }
        SeekableByteChannel _ = file.position(before);
    }

    private StreamInspection read(ReadableByteChannel source) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        try {
            for (int n = source.read(buffer); n >= 0; n = source.read(buffer)) {
                total += n;
                buffer.flip();
                reader.consume(buffer);
                if (reader.isComplete()) {
                    buffer.position(buffer.limit());
                }
                jump(buffer);
                buffer.compact();
            }
            reader.endOfInput();
        } catch (StreamFormatException e) {
            StreamInspection.Ending ending = e.isUnsupported()
                    ? StreamInspection.Ending.UNSUPPORTED
                    : e.isIncomplete() ? StreamInspection.Ending.CUT_SHORT : StreamInspection.Ending.WRONG;
            return result(ending, e.position(), 0, e.getMessage());
        }
        long trailing = total - reader.position();
        return result(
                StreamInspection.Ending.COMPLETE,
                reader.position(),
                trailing,
                (ramEnded ? "Complete." : "Complete; no END of section 'ram', so a background snapshot.")
                        + (trailing > 0 ? " " + trailing + " bytes follow its end." : ""));
    }

    private StreamInspection result(
            StreamInspection.Ending ending, long byteLength, long trailingBytes, String remark) {
        boolean snapshot = ending == StreamInspection.Ending.COMPLETE && !ramEnded;
        return new StreamInspection(
                configuration,
                blocks(),
                commands,
                commandCount,
                partCount,
                multifdFlushes,
                snapshot ? OptionalInt.empty() : OptionalInt.of(passes),
                devices,
                vmDescriptionBytes,
                byteLength,
                trailingBytes,
                ending,
                remark);
    }

    private List<StreamInspection.Block> blocks() {
        var blocks = new ArrayList<StreamInspection.Block>();
        for (int i = 0; i < entries.size(); i++) {
            PageCounts count = counts[i];
            blocks.add(new StreamInspection.Block(
                    entries.get(i), count.normal, count.zero, count.encoded, count.distinct, count::kind));
        }
        return blocks;
    }

    @Override
    public void configuration(Configuration read) {
        configuration = Optional.of(read);
    }

    @Override
    public void command(Command command) {
        commandCount++;
        if (commands.size() < StreamInspection.MAX_COMMANDS) {
            commands.add(new StreamInspection.PlacedCommand(reader.recordPosition(), shown(command)));
        }
    }

    /** Without the blob, which can be large and of which there can be many. */
    private static Command shown(Command command) {
        return command instanceof Command.Packaged(Bytes blob) && blob.byteLength() > 64
                ? new Command.Packaged(Bytes.copyOf(blob.toBuffer(), 0, 64))
                : command;
    }

    @Override
    public void sectionStart(SectionHeader section) {
        switch (section.kind()) {
            case PART -> partCount++;
            case END -> ramEnded = true;
            case START, FULL -> {}
        }
    }

    @Override
    public void ramBlocks(List<RamBlockEntry> blocks) {
        entries = blocks;
        counts = blocks.stream().map(_ -> new PageCounts()).toArray(PageCounts[]::new);
        for (MappedBlock block : mappedBlocks) {
            try {
                countMapped(block, blocks.get(block.blockIndex()));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public void ramBlocksChanged(List<RamBlockEntry> blocks) {
        List<RamBlockEntry> before = entries;
        PageCounts[] old = counts;
        entries = blocks;
        counts = blocks.stream()
                .map(block -> before.contains(block) ? old[before.indexOf(block)] : new PageCounts())
                .toArray(PageCounts[]::new);
        lastBlock = Integer.MAX_VALUE;
    }

    @Override
    public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
        counts[blockIndex].normal++;
        seen(blockIndex, offset, true);
    }

    @Override
    public void zeroPage(int blockIndex, long offset) {
        counts[blockIndex].zero++;
        seen(blockIndex, offset, false);
    }

    @Override
    public void encodedPage(int blockIndex, long offset, int byteLength) {
        counts[blockIndex].encoded++;
        seen(blockIndex, offset, true);
    }

    @Override
    public void multifdFlush() {
        multifdFlushes++;
    }

    private void seen(int blockIndex, long offset, boolean content) {
        if (blockIndex < lastBlock || (blockIndex == lastBlock && offset <= lastOffset)) {
            passes++;
        }
        lastBlock = blockIndex;
        lastOffset = offset;
        counts[blockIndex].see(offset >>> Wire.PAGE_BITS, content);
    }

    @Override
    public void deviceSections(List<DeviceSection> sections, String vmDescription) {
        devices = sections;
        vmDescriptionBytes = vmDescription.getBytes(StandardCharsets.UTF_8).length;
    }

    /** Pages of one block. The bitmaps grow with the pages that come, not with the length that was announced. */
    private static final class PageCounts {
        private static final int CHUNK_BITS = 15;
        private static final long[] NOTHING = new long[0];

        private long normal;
        private long zero;
        private long encoded;
        private long distinct;

        /** A word for 64 pages that have come, and one for those of them with content. */
        private long[][] chunks = new long[0][];

        StreamInspection.PageKind kind(long page) {
            int chunk = (int) (page >>> CHUNK_BITS);
            if (chunk >= chunks.length || chunks[chunk].length == 0) {
                return StreamInspection.PageKind.ABSENT;
            }
            int word = word(page);
            long bit = 1L << (page & 63);
            if ((chunks[chunk][word] & bit) == 0) {
                return StreamInspection.PageKind.ABSENT;
            }
            return (chunks[chunk][word + 1] & bit) == 0
                    ? StreamInspection.PageKind.ZERO
                    : StreamInspection.PageKind.CONTENT;
        }

        private static int word(long page) {
            return 2 * ((int) (page >>> 6) & ((1 << (CHUNK_BITS - 6)) - 1));
        }

        void see(long page, boolean content) {
            int chunk = (int) (page >>> CHUNK_BITS);
            if (chunk >= chunks.length) {
                int before = chunks.length;
                chunks = Arrays.copyOf(chunks, chunk + 1 + chunk / 2);
                Arrays.fill(chunks, before, chunks.length, NOTHING);
            }
            if (chunks[chunk].length == 0) {
                chunks[chunk] = new long[2 << (CHUNK_BITS - 6)];
            }
            int word = word(page);
            long bit = 1L << (page & 63);
            if ((chunks[chunk][word] & bit) == 0) {
                chunks[chunk][word] |= bit;
                distinct++;
            }
            if (content) {
                chunks[chunk][word + 1] |= bit;
            } else {
                chunks[chunk][word + 1] &= ~bit;
            }
        }
    }
}
