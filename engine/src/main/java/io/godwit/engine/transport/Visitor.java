// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.linux.memory.NativeMemory;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** A connection that has not been let in. */
final class Visitor {
    final Channel channel;
    /** Whether there was a main connection when it came: none but that one comes before. */
    final boolean hasMain;

    private final byte[] bytes = new byte[Recognition.MAX_BYTES];
    private int count;
    /** Since when it has been silent, or has not finished what it began to say. */
    private long sinceNanos;

    boolean admitted;
    /** What it hears before it has to go. */
    byte[] answer = {};

    Visitor(Channel channel, long sinceNanos, boolean hasMain) {
        this.channel = channel;
        this.sinceNanos = sinceNanos;
        this.hasMain = hasMain;
    }

    void append(ByteBuffer more, long nowNanos) {
        if (count == 0 && more.hasRemaining()) {
            sinceNanos = nowNanos;
        }
        int n = more.remaining();
        more.get(bytes, count, n);
        count += n;
    }

    boolean isSilent() {
        return count == 0;
    }

    byte[] begin() {
        return Arrays.copyOf(bytes, count);
    }

    /** How many bytes it has said. */
    int count() {
        return count;
    }

    /** Since when it has been silent, or has not finished what it began to say. */
    long sinceNanos() {
        return sinceNanos;
    }

    /** Says what it has to hear. Nothing was written to it before, so that this waits for nobody. */
    void sayAnswer() {
        int length = answer.length;
        if (length > 0) {
            try (NativeMemory memory = NativeMemory.allocate(length)) {
                memory.buffer(0, length).put(answer);
                channel.write(memory, 0, length);
            }
        }
    }
}
