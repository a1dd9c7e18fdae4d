// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/**
 * Cuts a stream of bytes into JSON texts without understanding them: objects and arrays by their brackets, anything
 * else up to the next delimiter. Values may follow each other without a line end, and one value may come in many
 * pieces, as QMP allows.
 *
 * <p>After something that can be no JSON the framer reports it once and skips to the next line end, opening brace or
 * byte 0xFF, so that a session finds its way back as it does with QEMU. Memory is bounded by {@link #MAX_TEXT_BYTES}.
 *
 * <p>Threads: one.
 */
final class JsonFramer {
    /** LIMIT: the longest QMP command is a few KiB. */
    static final int MAX_TEXT_BYTES = 1 << 20;

    /** Takes what the framer finds, in the order of the bytes. */
    interface Sink {
        /** One text that looks whole from outside. */
        void text(byte[] utf8);

        /** Bytes that cannot be one. */
        void broken(String reason);
    }

    private enum Place {
        BETWEEN,
        COMPOSITE,
        STRING,
        ESCAPE,
        WORD,
        RECOVERY
    }

    private final Sink sink;
    private final ByteArrayOutputStream text = new ByteArrayOutputStream(512);
    private Place place = Place.BETWEEN;
    private int depth;
    private int quote;

    JsonFramer(Sink sink) {
        this.sink = sink;
    }

    /** Whether a text has begun and is not whole yet. */
    boolean isWithinText() {
        return place != Place.BETWEEN && place != Place.RECOVERY;
    }

    /** Takes all that is left in the buffer. */
    void consume(ByteBuffer in) {
        while (in.hasRemaining()) {
            take(in.get() & 0xFF);
        }
    }

    private void take(int b) {
        switch (place) {
            case BETWEEN -> begin(b);
            case COMPOSITE -> inComposite(b);
            case STRING, ESCAPE -> inString(b);
            case WORD -> inWord(b);
            case RECOVERY -> {
                if (b == '\n' || b == 0xFF) {
                    place = Place.BETWEEN;
                } else if (b == '{') {
                    place = Place.BETWEEN;
                    begin(b);
                }
            }
        }
    }

    private void begin(int b) {
        if (isSpace(b)) {
            return;
        }
        switch (b) {
            case '{', '[' -> {
                depth = 1;
                place = Place.COMPOSITE;
                append(b);
            }
            case '"', '\'' -> {
                depth = 0;
                quote = b;
                place = Place.STRING;
                append(b);
            }
            case '}', ']', ',', ':' -> fail("expecting value");
            default -> {
                if (b < 0x20 || b >= 0x7F) {
                    fail("stray byte 0x" + Integer.toHexString(b));
                } else {
                    place = Place.WORD;
                    append(b);
                }
            }
        }
    }

    private void inComposite(int b) {
        if ((b < 0x20 && !isSpace(b)) || b == 0xFF) {
            fail("stray byte 0x" + Integer.toHexString(b));
            return;
        }
        append(b);
        switch (b) {
            case '{', '[' -> {
                if (++depth > Json.MAX_NESTING) {
                    fail("nesting deeper than " + Json.MAX_NESTING);
                }
            }
            case '}', ']' -> {
                if (--depth == 0) {
                    finish();
                }
            }
            case '"', '\'' -> {
                quote = b;
                if (place == Place.COMPOSITE) {
                    place = Place.STRING;
                }
            }
            default -> {}
        }
    }

    private void inString(int b) {
        if (b < 0x20 || b == 0xFF) {
            // A line end ends the session's confusion about where strings begin.
            fail("stray byte 0x" + Integer.toHexString(b) + " in a string");
            if (b == '\n' || b == 0xFF) {
                place = Place.BETWEEN;
            }
            return;
        }
        boolean escaped = place == Place.ESCAPE;
        place = Place.STRING;
        append(b);
        if (place != Place.STRING || escaped) {
            return;
        }
        if (b == '\\') {
            place = Place.ESCAPE;
        } else if (b == quote) {
            place = Place.COMPOSITE;
            if (depth == 0) {
                finish();
            }
        }
    }

    private void inWord(int b) {
        boolean structural = "{}[],:\"'".indexOf(b) >= 0;
        if (structural || b <= 0x20 || b >= 0x7F) {
            finish();
            take(b);
        } else {
            append(b);
        }
    }

    private void append(int b) {
        if (text.size() >= MAX_TEXT_BYTES) {
            fail("more than " + MAX_TEXT_BYTES + " bytes in one value");
            return;
        }
        text.write(b);
    }

    private void finish() {
        byte[] whole = text.toByteArray();
        text.reset();
        place = Place.BETWEEN;
        sink.text(whole);
    }

    private void fail(String reason) {
        text.reset();
        depth = 0;
        place = Place.RECOVERY;
        sink.broken(reason);
    }

    private static boolean isSpace(int b) {
        return b == ' ' || b == '\t' || b == '\r' || b == '\n';
    }
}
