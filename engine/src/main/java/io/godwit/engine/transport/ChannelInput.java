// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.linux.memory.NativeMemory;
import java.nio.ByteBuffer;

/**
 * Bytes of one channel on their way to a reader: fill, let the reader look at what was {@link #received}, keep its
 * rest. One thread at a time.
 */
public final class ChannelInput implements AutoCloseable {
    private final Channel channel;
    private final NativeMemory staging;
    private final ByteBuffer buffer;

    /** With room for {@code stagingBytes}: small enough to stay in the cache between the socket's copy and ours. */
    public ChannelInput(Channel channel, int stagingBytes) {
        this.channel = channel;
        this.staging = NativeMemory.allocate(stagingBytes);
        this.buffer = staging.buffer(0, stagingBytes);
    }

    /** Bytes that came; 0 if none came in time, -1 at the end of the stream. */
    public int fill(long timeoutNanos) {
        int n = channel.read(staging, buffer.position(), buffer.remaining(), timeoutNanos);
        if (n > 0) {
            buffer.position(buffer.position() + n);
        }
        return n;
    }

    /** What has come, between position and limit; {@link #keepRest} after it was looked at. */
    public ByteBuffer received() {
        return buffer.flip();
    }

    /** Makes room behind what the reader has left. */
    public void keepRest() {
        buffer.compact();
    }

    /**
     * The memory behind what a reader of {@link #received} hands over, at the same positions: from there the kernel can
     * take a page. Allocates nothing.
     *
     * @throws IllegalArgumentException if the bytes are not this input's
     */
    @SuppressWarnings("ReferenceEquality") // another buffer with the same bytes is still another place
    public NativeMemory memoryOf(ByteBuffer handedOver) {
        if (handedOver != buffer) {
            throw new IllegalArgumentException("a page of " + channel.peer() + " is in another channel's buffer");
        }
        return staging;
    }

    @Override
    public void close() {
        staging.close();
    }
}
