// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

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
    private boolean ramEnded;
    private int passes;
    private int lastBlock = Integer.MAX_VALUE;
    private long lastOffset;
    private List<StreamInspection.Device> devices = List.of();
    private long vmDescriptionBytes;

    private Inspector(StreamLimits limits) {
        reader = StreamReader.forSnapshots(this, limits);
        reader.allowChangedBlockList();
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
     * Reads a stream as {@link #inspect(ReadableByteChannel, StreamLimits)} with the default limits.
     *
     * @throws IOException if the source cannot be read
     */
    public static StreamInspection inspect(InputStream source) throws IOException {
        return inspect(Channels.newChannel(source), StreamLimits.DEFAULT);
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
            blocks.add(new StreamInspection.Block(entries.get(i), count.normal, count.zero, count.distinct));
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
        seen(blockIndex, offset);
    }

    @Override
    public void zeroPage(int blockIndex, long offset) {
        counts[blockIndex].zero++;
        seen(blockIndex, offset);
    }

    private void seen(int blockIndex, long offset) {
        if (blockIndex < lastBlock || (blockIndex == lastBlock && offset <= lastOffset)) {
            passes++;
        }
        lastBlock = blockIndex;
        lastOffset = offset;
        counts[blockIndex].see(offset >>> Wire.PAGE_BITS);
    }

    @Override
    public void deviceSections(List<DeviceSection> sections, String vmDescription) {
        devices = sections.stream().map(StreamInspection.Device::of).toList();
        vmDescriptionBytes = vmDescription.getBytes(StandardCharsets.UTF_8).length;
    }

    /** Pages of one block. The bitmap grows with the pages that come, not with the length that was announced. */
    private static final class PageCounts {
        private static final int CHUNK_BITS = 15;
        private static final long[] NOTHING = new long[0];

        private long normal;
        private long zero;
        private long distinct;
        private long[][] chunks = new long[0][];

        void see(long page) {
            int chunk = (int) (page >>> CHUNK_BITS);
            if (chunk >= chunks.length) {
                int before = chunks.length;
                chunks = Arrays.copyOf(chunks, chunk + 1 + chunk / 2);
                Arrays.fill(chunks, before, chunks.length, NOTHING);
            }
            if (chunks[chunk].length == 0) {
                chunks[chunk] = new long[1 << (CHUNK_BITS - 6)];
            }
            int word = (int) (page >>> 6) & ((1 << (CHUNK_BITS - 6)) - 1);
            long bit = 1L << (page & 63);
            if ((chunks[chunk][word] & bit) == 0) {
                chunks[chunk][word] |= bit;
                distinct++;
            }
        }
    }
}
