// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import java.nio.ByteBuffer;

/** Bytes of one channel on their way to a reader. One thread at a time. */
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

    /** Where the bytes of {@link #received} are. */
    public NativeMemory staging() {
        return staging;
    }

    @Override
    public void close() {
        staging.close();
    }
}
