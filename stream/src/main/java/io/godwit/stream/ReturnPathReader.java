// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Reads the return path. Push style, one thread: see {@link StreamReader}. A buffer of {@value #MIN_BUFFER_BYTES} bytes suffices. */
public final class ReturnPathReader {
    /** The longest framed message. */
    public static final int MIN_BUFFER_BYTES = 4 + ReturnPathMessage.MAX_DATA_BYTES;

    private final Consumer<ReturnPathMessage> receiver;
    private final int maxBitmapBytes;
    private long position;
    private boolean shut;
    private @Nullable String bitmapBlock;
    private byte @Nullable [] bitmap;
    private int bitmapFilled;

    /**
     * @param receiver gets each message, in order, on the calling thread
     * @param maxBitmapBytes the longest received bitmap that is taken; 0 if none is expected
     */
    public ReturnPathReader(Consumer<ReturnPathMessage> receiver, int maxBitmapBytes) {
        this.receiver = receiver;
        this.maxBitmapBytes = maxBitmapBytes;
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
        if (in.remaining() < 4) {
            return false;
        }
        int at = in.position();
        int type = Short.toUnsignedInt(in.getShort(at));
        int length = Short.toUnsignedInt(in.getShort(at + 2));
        if (type == 0 || type > 7) {
            throw place().fail("Unknown return path message", "a type of 1 to 7", type);
        }
        place().requireAtMost("Length of the return path message " + type, ReturnPathMessage.MAX_DATA_BYTES, length);
        if (in.remaining() < 4 + length) {
            return false;
        }
        ReturnPathMessage message = ReturnPathDecoder.decode(type, in.slice(at + 4, length), place());
        in.position(at + 4 + length);
        if (message instanceof ReturnPathMessage.ReceivedBitmap(String block, Bytes _)) {
            bitmapBlock = block;
        } else {
            shut = message instanceof ReturnPathMessage.Shut;
            receiver.accept(message);
        }
        return true;
    }

    private boolean bitmapBytes(ByteBuffer in, String block) {
        if (bitmap == null) {
            if (in.remaining() < 8) {
                return false;
            }
            long size = in.getLong();
            place().requireAtMost("Bitmap size of block '" + block + "'", maxBitmapBytes, size);
            place().require("Bitmap size of block '" + block + "' modulo 8", 0, size % 8);
            bitmap = new byte[(int) size];
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
                            "End of the bitmap of block '" + block + "'",
                            "0x123456789abcdef",
                            "0x" + Long.toHexString(end));
        }
        bitmapBlock = null;
        bitmap = null;
        receiver.accept(new ReturnPathMessage.ReceivedBitmap(block, Bytes.copyOf(target)));
        return true;
    }
}
