// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** Writes down all that a reader reports, as records, and has the streams that tests read. */
final class Recording implements StreamListener {
    final List<Object> events = new ArrayList<>();
    final List<DeviceSection> devices = new ArrayList<>();
    String vmDescription = "";

    record Page(int block, long offset, Bytes content) {}

    record ZeroPage(int block, long offset) {}

    record Ended(SectionHeader section) {}

    @Override
    public void configuration(Configuration configuration) {
        events.add(configuration);
    }

    @Override
    public void command(Command command) {
        events.add(command);
    }

    @Override
    public void sectionStart(SectionHeader section) {
        events.add(section);
    }

    @Override
    public void ramBlocks(List<RamBlockEntry> blocks) {
        events.add(blocks);
    }

    record Changed(List<RamBlockEntry> blocks) {}

    @Override
    public void ramBlocksChanged(List<RamBlockEntry> blocks) {
        events.add(new Changed(blocks));
    }

    @Override
    public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
        events.add(new Page(blockIndex, offset, Bytes.copyOf(buffer, index, 4096)));
    }

    @Override
    public void zeroPage(int blockIndex, long offset) {
        events.add(new ZeroPage(blockIndex, offset));
    }

    @Override
    public void sectionEnd(SectionHeader section) {
        events.add(new Ended(section));
    }

    @Override
    public void deviceSections(List<DeviceSection> sections, String description) {
        devices.addAll(sections);
        events.add(sections);
        vmDescription = description;
    }

    @Override
    public void endOfStream() {
        events.add("end");
    }

    /** Reads the whole stream in pieces of {@code chunkBytes}. */
    static Recording of(byte[] stream, int chunkBytes) {
        var recording = new Recording();
        feed(new StreamReader(recording, StreamLimits.DEFAULT), stream, chunkBytes)
                .endOfInput();
        return recording;
    }

    static StreamReader feed(StreamReader reader, byte[] stream, int chunkBytes) {
        ByteBuffer buffer = ByteBuffer.allocate(StreamReader.MIN_BUFFER_BYTES);
        int at = 0;
        while (at < stream.length) {
            int taken = Math.min(Math.min(chunkBytes, buffer.remaining()), stream.length - at);
            if (taken == 0) {
                throw new AssertionError("The reader leaves a full buffer of the smallest size, at byte " + at);
            }
            buffer.put(stream, at, taken).flip();
            reader.consume(buffer);
            buffer.compact();
            at += taken;
        }
        return reader;
    }

    static byte[] resource(String name) {
        try (InputStream in = Recording.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new AssertionError("No test resource " + name);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Bytes from hexadecimal digits with spaces. */
    static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits.replaceAll("\\s", ""));
    }
}
