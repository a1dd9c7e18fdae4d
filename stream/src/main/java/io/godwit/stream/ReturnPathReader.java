// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads the return path. Push style, one thread: see {@link StreamReader}. A buffer of {@value #MIN_BUFFER_BYTES} bytes
 * suffices.
 *
 * <p>Requests for pages and received bitmaps are checked against the block list. A new connection needs a new reader:
 * which block REQ_PAGES means is forgotten with the old one.
 */
public final class ReturnPathReader {
    /** The longest framed message. */
    public static final int MIN_BUFFER_BYTES = 4 + ReturnPathMessage.MAX_DATA_BYTES;

    private static final int REQUEST_NAMED = 3;
    private static final int REQUEST_UNNAMED = 4;

    private final ReturnPathListener listener;
    private List<RamBlockEntry> blocks;
    private BlockNames names;
    private long position;
    private boolean shut;
    private boolean coloMayCome;
    private boolean colo;
    private int requestedBlock = BlockNames.NO_BLOCK;
    private @Nullable RamBlockEntry bitmapBlock;
    private byte @Nullable [] bitmap;
    private int bitmapFilled;

    /**
     * A reader for precopy, which knows no block: requests for pages come unchecked, as messages, and received bitmaps
     * are refused.
     */
    public ReturnPathReader(Consumer<ReturnPathMessage> receiver) {
        this(new OnlyMessages(receiver), List.of());
    }

    /**
     * A reader of the answers to a stream with these blocks; a request's {@code blockIndex} is an index into the list.
     */
    public ReturnPathReader(ReturnPathListener listener, List<RamBlockEntry> blocks) {
        this.listener = listener;
        this.blocks = List.copyOf(blocks);
        this.names = new BlockNames(blocks);
    }

    /** From now on answers are for a stream with these blocks, and the next request names its block. */
    public void blocks(List<RamBlockEntry> next) {
        blocks = List.copyOf(next);
        names = new BlockNames(next);
        requestedBlock = BlockNames.NO_BLOCK;
    }

    /**
     * From now on {@link ColoMessage#CHECKPOINT_READY} may come, whose bytes no other message has: with it the return
     * path ends, and {@link #consume} leaves what is behind it.
     */
    public void allowColo() {
        coloMayCome = true;
    }

    /** Whether that has come. */
    public boolean isColo() {
        return colo;
    }

    /** Bytes taken so far. */
    public long position() {
        return position;
    }

    /** Whether {@link ReturnPathMessage.Shut} has been read; nothing may follow it. */
    public boolean isShut() {
        return shut;
    }

    /**
     * Takes all whole messages and leaves an incomplete one.
     *
     * @throws StreamFormatException if the bytes are not a return path
     */
    public void consume(ByteBuffer in) {
        if (in.order() != ByteOrder.BIG_ENDIAN) {
            throw new IllegalArgumentException("The stream is big-endian, the buffer is not.");
        }
        int before = in.position();
        while (bitmapBlock == null ? message(in) : bitmapBytes(in, bitmapBlock)) {
            position += in.position() - before;
            before = in.position();
        }
        position += in.position() - before;
    }

    /**
     * The connection has ended.
     *
     * @throws StreamFormatException if SHUT did not come, so that nobody can say whether the destination has the guest
     */
    public void endOfInput() {
        if (!shut) {
            throw place().incomplete("the return path ended without SHUT.");
        }
    }

    private StreamPlace place() {
        return new StreamPlace(position, "return path");
    }

    private boolean message(ByteBuffer in) {
        if (shut && in.hasRemaining()) {
            throw place().fail(in.remaining() + " bytes follow SHUT, which is the last message.");
        }
        if (colo || in.remaining() < 4) {
            return false;
        }
        int at = in.position();
        if (coloMayCome && in.getInt(at) == ColoMessage.CHECKPOINT_READY.value()) {
            in.position(at + ColoMessage.BYTES);
            colo = true;
            return true;
        }
        int type = Short.toUnsignedInt(in.getShort(at));
        int length = Short.toUnsignedInt(in.getShort(at + 2));
        if (type == 0 || type > 7) {
            throw place().fail("Unknown return path message", "a type of 1 to 7", type);
        }
        if (length > ReturnPathMessage.MAX_DATA_BYTES) {
            throw place().fail(
                            "Length of the return path message " + type,
                            "at most " + ReturnPathMessage.MAX_DATA_BYTES,
                            length);
        }
        if (in.remaining() < 4 + length) {
            return false;
        }
        boolean unchecked = listener instanceof OnlyMessages;
        if (type == REQUEST_NAMED && !unchecked) {
            namedRequest(in, at + 4, length);
        } else if (type == REQUEST_UNNAMED && !unchecked) {
            unnamedRequest(in, at + 4, length);
        } else {
            framed(ReturnPathDecoder.decode(type, in.slice(at + 4, length), place()));
        }
        in.position(at + 4 + length);
        return true;
    }

    private void framed(ReturnPathMessage message) {
        if (message instanceof ReturnPathMessage.ReceivedBitmap(String block, Bytes _)) {
            bitmapBlock = find(block);
        } else {
            shut = message instanceof ReturnPathMessage.Shut;
            listener.message(message);
        }
    }

    private void namedRequest(ByteBuffer in, int at, int length) {
        int nameAt = at + 12;
        if (length < 13 || 13 + Byte.toUnsignedInt(in.get(nameAt)) != length) {
            throw place().fail(
                            "Length of the REQ_PAGES_ID message",
                            length < 13 ? "at least 13" : 13 + Byte.toUnsignedInt(in.get(nameAt)),
                            length);
        }
        int block = names.find(in, nameAt, requestedBlock);
        if (block == BlockNames.NO_BLOCK) {
            throw BlockNames.unknown(in, nameAt, place());
        }
        requestedBlock = block;
        request(block, in.getLong(at), Integer.toUnsignedLong(in.getInt(at + 8)));
    }

    private void unnamedRequest(ByteBuffer in, int at, int length) {
        if (length != 12) {
            throw place().fail("Length of the REQ_PAGES message", 12, length);
        }
        if (requestedBlock == BlockNames.NO_BLOCK) {
            throw place().fail("A request for pages of the RAM block named last, but none has been named yet.");
        }
        request(requestedBlock, in.getLong(at), Integer.toUnsignedLong(in.getInt(at + 8)));
    }

    private void request(int blockIndex, long offset, long byteLength) {
        RamBlockEntry block = blocks.get(blockIndex);
        long pageMask = block.pageBytes() - 1;
        boolean inside = offset >= 0 && byteLength > 0 && byteLength <= block.usedLength() - offset;
        if (!inside || ((offset | byteLength) & pageMask) != 0) {
            throw place().fail(
                            "Request for pages of RAM block '" + block.idstr() + "'",
                            "whole pages of " + block.pageBytes() + " inside 0x" + Long.toHexString(block.usedLength())
                                    + " bytes",
                            "0x" + Long.toHexString(byteLength) + " bytes from 0x" + Long.toHexString(offset));
        }
        listener.pageRequest(blockIndex, offset, byteLength);
    }

    private RamBlockEntry find(String name) {
        for (RamBlockEntry block : blocks) {
            if (block.idstr().equals(name)) {
                return block;
            }
        }
        throw place().fail("Unknown RAM block '" + name + "', which is not in the block list.");
    }

    private boolean bitmapBytes(ByteBuffer in, RamBlockEntry block) {
        if (bitmap == null) {
            if (in.remaining() < 8) {
                return false;
            }
            // LIMIT: exactly what our own block needs, so that the peer cannot make us allocate more.
            place().require("Bitmap size of block '" + block.idstr() + "'", block.receivedBitmapBytes(), in.getLong());
            bitmap = new byte[block.receivedBitmapBytes()];
            bitmapFilled = 0;
        }
        byte[] target = bitmap;
        int taken = Math.min(in.remaining(), target.length - bitmapFilled);
        in.get(target, bitmapFilled, taken);
        bitmapFilled += taken;
        if (bitmapFilled < target.length || in.remaining() < 8) {
            return false;
        }
        long end = in.getLong();
        if (end != ReturnPathMessage.BITMAP_END) {
            throw place().fail(
                            "End of the bitmap of block '" + block.idstr() + "'",
                            "0x123456789abcdef",
                            "0x" + Long.toHexString(end));
        }
        bitmapBlock = null;
        bitmap = null;
        listener.message(new ReturnPathMessage.ReceivedBitmap(block.idstr(), Bytes.copyOf(target)));
        return true;
    }

    /** Of a reader without blocks. */
    private record OnlyMessages(Consumer<ReturnPathMessage> receiver) implements ReturnPathListener {
        @Override
        public void message(ReturnPathMessage message) {
            receiver.accept(message);
        }

        @Override
        public void pageRequest(int blockIndex, long offset, long byteLength) {
            throw new IllegalStateException("A request for pages of a block that this reader cannot know.");
        }
    }
}
