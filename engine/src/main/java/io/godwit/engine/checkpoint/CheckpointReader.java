// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.Bytes;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Reads what a {@link CheckpointTaker} sends. Push style: the caller fills a big-endian buffer of at least {@value
 * #MIN_BUFFER_BYTES} bytes, calls {@link #consume}, compacts it and fills it again. Knows no guest: block indices and
 * offsets are checked against the blocks that were announced, order against the format, the end against count and
 * checksum. One thread at a time; after an exception the reader is of no more use.
 */
final class CheckpointReader {
    static final int MIN_BUFFER_BYTES = RamBlock.PAGE_BYTES + CheckpointWire.MAX_PAGES_HEAD_BYTES;

    private final CheckpointListener listener;
    private final List<CheckpointRecord.Block> blocks = new ArrayList<>();
    private final CRC32C checksum = new CRC32C();
    private final long[] offsets = new long[CheckpointWire.MAX_PAGES];

    private long position;
    private boolean inEpoch;
    private boolean hasDevices;
    private long epoch;
    private long lastEpoch;
    private long pageCount;

    private int pagesBlock;
    private int pagesAt;
    private int pagesEnd;

    private byte[] devices = new byte[0];
    private int devicesBytes = -1;
    private int devicesFilled;

    /**
     * @param lastEpoch the newest epoch that came over an earlier connection; those that come must be above it
     */
    CheckpointReader(CheckpointListener listener, long lastEpoch) {
        this.listener = listener;
        this.lastEpoch = lastEpoch;
    }

    /** Takes all that is there wholly; what is not stays. */
    void consume(ByteBuffer in) {
        boolean advanced = true;
        while (advanced) {
            int before = in.position();
            advanced = step(in);
            position += in.position() - before;
        }
    }

    private boolean step(ByteBuffer in) {
        if (pagesAt < pagesEnd) {
            return page(in);
        }
        if (devicesBytes >= 0) {
            return devicesContent(in);
        }
        return in.hasRemaining() && record(in);
    }

    private boolean record(ByteBuffer in) {
        int type = in.get(in.position());
        return switch (type) {
            case CheckpointWire.BLOCK -> block(in);
            case CheckpointWire.BEGIN -> begin(in);
            case CheckpointWire.PAGES -> pagesHead(in);
            case CheckpointWire.DEVICES -> devicesHead(in);
            case CheckpointWire.END -> end(in);
            case CheckpointWire.SAFETY_END -> safetyEnd(in);
            default -> throw fail("a record of unknown type 0x%02x".formatted(type));
        };
    }

    private boolean block(ByteBuffer in) {
        int at = in.position();
        if (in.remaining() < 4) {
            return false;
        }
        int nameBytes = Byte.toUnsignedInt(in.get(at + 3));
        if (in.remaining() < 4 + nameBytes + 8) {
            return false;
        }
        int index = Short.toUnsignedInt(in.getShort(at + 1));
        if (inEpoch || lastEpochOfThisConnection()) {
            throw fail("a RAM block is announced after the first epoch");
        }
        if (index != blocks.size() || index >= CheckpointWire.MAX_BLOCKS || nameBytes == 0) {
            throw fail("RAM block %d with a name of %d bytes is announced as number %d"
                    .formatted(index, nameBytes, blocks.size()));
        }
        byte[] name = new byte[nameBytes];
        in.get(at + 4, name);
        long usedLength = in.getLong(at + 4 + nameBytes);
        if (usedLength <= 0 || usedLength % RamBlock.PAGE_BYTES != 0) {
            throw fail("RAM block %d has a length of %d bytes".formatted(index, usedLength));
        }
        in.position(at + 4 + nameBytes + 8);
        CheckpointRecord.Block block =
                new CheckpointRecord.Block(index, new String(name, StandardCharsets.UTF_8), usedLength);
        blocks.add(block);
        listener.record(block);
        return true;
    }

    private boolean lastEpochOfThisConnection() {
        return epoch != 0;
    }

    private boolean begin(ByteBuffer in) {
        if (in.remaining() < 17) {
            return false;
        }
        int at = in.position();
        long number = in.getLong(at + 1);
        if (inEpoch) {
            throw fail("epoch " + number + " begins before epoch " + epoch + " has ended");
        }
        if (number <= lastEpoch) {
            throw fail("epoch " + number + " comes after epoch " + lastEpoch);
        }
        long runNanos = in.getLong(at + 9);
        if (runNanos < 0) {
            throw fail("epoch " + number + " was taken after " + runNanos + " ns");
        }
        checksum.reset();
        take(in, 17);
        inEpoch = true;
        hasDevices = false;
        epoch = number;
        pageCount = 0;
        listener.record(new CheckpointRecord.Begin(number, runNanos));
        return true;
    }

    private boolean pagesHead(ByteBuffer in) {
        if (in.remaining() < 5) {
            return false;
        }
        int at = in.position();
        int block = Short.toUnsignedInt(in.getShort(at + 1));
        int count = Short.toUnsignedInt(in.getShort(at + 3));
        if (!inEpoch || hasDevices) {
            throw fail("pages outside of an epoch or after its devices");
        }
        if (block >= blocks.size() || count == 0 || count > CheckpointWire.MAX_PAGES) {
            throw fail("%d pages of block %d; %d blocks were announced, and 1 to %d pages go together"
                    .formatted(count, block, blocks.size(), CheckpointWire.MAX_PAGES));
        }
        if (in.remaining() < 5 + 8 * count) {
            return false;
        }
        for (int i = 0; i < count; i++) {
            offsets[i] = checkedOffset(in.getLong(at + 5 + 8 * i), blocks.get(block));
        }
        take(in, 5 + 8 * count);
        pagesBlock = block;
        pagesAt = 0;
        pagesEnd = count;
        pageCount += count;
        return true;
    }

    private long checkedOffset(long word, CheckpointRecord.Block block) {
        long offset = word & ~CheckpointWire.ZERO_FLAG;
        if (offset < 0 || offset >= block.usedLength() || (offset & CheckpointWire.OFFSET_FLAGS) != 0) {
            throw fail("a page at offset 0x%x of block '%s', which is 0x%x bytes long"
                    .formatted(word, block.idstr(), block.usedLength()));
        }
        return word;
    }

    private boolean page(ByteBuffer in) {
        long word = offsets[pagesAt];
        if ((word & CheckpointWire.ZERO_FLAG) != 0) {
            listener.zeroPage(pagesBlock, word & ~CheckpointWire.ZERO_FLAG);
        } else if (in.remaining() < RamBlock.PAGE_BYTES) {
            return false;
        } else {
            listener.page(pagesBlock, word, in, in.position());
            take(in, RamBlock.PAGE_BYTES);
        }
        pagesAt++;
        return true;
    }

    private boolean devicesHead(ByteBuffer in) {
        if (in.remaining() < CheckpointRecord.Devices.HEAD_BYTES) {
            return false;
        }
        int length = in.getInt(in.position() + 1);
        if (!inEpoch || hasDevices) {
            throw fail("devices outside of an epoch or a second time in it");
        }
        if (length <= 0 || length > CheckpointWire.MAX_DEVICES_BYTES) {
            throw fail("devices of %d bytes; 1 to %d are possible"
                    .formatted(Integer.toUnsignedLong(length), CheckpointWire.MAX_DEVICES_BYTES));
        }
        take(in, CheckpointRecord.Devices.HEAD_BYTES);
        hasDevices = true;
        devicesBytes = length;
        devicesFilled = 0;
        return true;
    }

    private boolean devicesContent(ByteBuffer in) {
        int taken = Math.min(in.remaining(), devicesBytes - devicesFilled);
        if (devicesFilled + taken > devices.length) {
            // Grown by what has arrived, not by what was announced.
            devices = Arrays.copyOf(
                    devices, (int) Math.min(devicesBytes, Math.max(devices.length * 2L, devicesFilled + taken)));
        }
        in.get(in.position(), devices, devicesFilled, taken);
        take(in, taken);
        devicesFilled += taken;
        if (devicesFilled < devicesBytes) {
            return false;
        }
        listener.record(new CheckpointRecord.Devices(Bytes.copyOf(ByteBuffer.wrap(devices), 0, devicesBytes)));
        devicesBytes = -1;
        return true;
    }

    private boolean end(ByteBuffer in) {
        if (in.remaining() < 21) {
            return false;
        }
        int at = in.position();
        CheckpointRecord.End end = new CheckpointRecord.End(in.getLong(at + 1), in.getLong(at + 9), in.getInt(at + 17));
        if (!inEpoch || !hasDevices || end.epoch() != epoch) {
            throw fail("epoch " + end.epoch() + " ends, but it has not begun or has no devices");
        }
        int sum = (int) checksum.getValue();
        if (end.pageCount() != pageCount || end.checksum() != sum) {
            throw fail("epoch %d ends with %d pages and checksum 0x%08x; %d pages and 0x%08x came"
                    .formatted(epoch, end.pageCount(), end.checksum(), pageCount, sum));
        }
        in.position(at + 21);
        inEpoch = false;
        lastEpoch = epoch;
        listener.record(end);
        return true;
    }

    private boolean safetyEnd(ByteBuffer in) {
        if (in.remaining() < 9) {
            return false;
        }
        long last = in.getLong(in.position() + 1);
        if (inEpoch) {
            throw fail("safety ends in the middle of epoch " + epoch);
        }
        in.position(in.position() + 9);
        listener.record(new CheckpointRecord.SafetyEnd(last));
        return true;
    }

    /** Moves on over bytes that count for the checksum. */
    private void take(ByteBuffer in, int count) {
        int limit = in.limit();
        in.limit(in.position() + count);
        checksum.update(in);
        in.limit(limit);
    }

    private MigrationException.Protocol fail(String what) {
        return new MigrationException.Protocol("the epochs sent back, at byte " + position + ": " + what);
    }
}
