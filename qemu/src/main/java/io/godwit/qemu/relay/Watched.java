// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.relay;

import java.nio.ByteBuffer;
import java.util.function.Consumer;

/** Has bytes that have passed already read. What cannot be read ends the reading and nothing else. One thread. */
final class Watched {
    /** LIMIT: more than a page's record with the longest name, and than any message of the return path. */
    private static final int BUFFER_BYTES = 64 << 10;

    private final String what;
    private final Consumer<ByteBuffer> reader;
    private final Consumer<String> notes;
    private final ByteBuffer unread = ByteBuffer.allocate(BUFFER_BYTES);
    private long passedBytes;
    private boolean ended;

    /**
     * Begins.
     *
     * @param what these bytes are, for a sentence
     * @param reader takes whole records and leaves the rest
     * @param notes is told where the reading ends
     */
    Watched(String what, Consumer<ByteBuffer> reader, Consumer<String> notes) {
        this.what = what;
        this.reader = reader;
        this.notes = notes;
    }

    /** Reads what has passed; moves the buffer's position. */
    void passed(ByteBuffer bytes) {
        int count = bytes.remaining();
        while (!ended && bytes.hasRemaining()) {
            int part = Math.min(unread.remaining(), bytes.remaining());
            unread.put(bytes.slice(bytes.position(), part));
            bytes.position(bytes.position() + part);
            read();
        }
        passedBytes += count;
    }

    private void read() {
        unread.flip();
        try {
            reader.accept(unread);
        } catch (RuntimeException e) {
            // Bytes of a stranger may be anything, also what a reader never thought of.
            end(String.valueOf(e.getMessage()));
            return;
        }
        unread.compact();
        if (!unread.hasRemaining()) {
            end("a record has more than " + BUFFER_BYTES + " bytes.");
        }
    }

    private void end(String reason) {
        ended = true;
        notes.accept("Figures of the " + what + " end near byte " + passedBytes + ": " + reason);
    }
}
