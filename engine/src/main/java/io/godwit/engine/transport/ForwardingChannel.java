// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;

/**
 * A channel that does everything as another one does, but for what a subclass says.
 *
 * <p>Threads: as {@link Channel}.
 */
public abstract class ForwardingChannel implements Channel {
    private final Channel channel;

    /** Over this channel, which is closed with it. */
    protected ForwardingChannel(Channel channel) {
        this.channel = channel;
    }

    /** The one that does the work. */
    public final Channel channel() {
        return channel;
    }

    @Override
    public void write(IoVector vector) {
        channel.write(vector);
    }

    @Override
    public void write(NativeMemory memory, long offset, int length) {
        channel.write(memory, offset, length);
    }

    @Override
    public int read(NativeMemory memory, long offset, int length, long timeoutNanos) {
        return channel.read(memory, offset, length, timeoutNanos);
    }

    @Override
    public void pause(long nanos) {
        channel.pause(nanos);
    }

    @Override
    public void acknowledgeAtOnce() {
        channel.acknowledgeAtOnce();
    }

    @Override
    public void abort(String reason) {
        channel.abort(reason);
    }

    @Override
    public boolean isBidirectional() {
        return channel.isBidirectional();
    }

    @Override
    public String peer() {
        return channel.peer();
    }

    @Override
    public void finish() {
        channel.finish();
    }

    @Override
    public void close() {
        channel.close();
    }
}
