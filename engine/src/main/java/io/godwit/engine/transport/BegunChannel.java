// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import java.util.function.Consumer;

/**
 * A channel of which some bytes were read already, to see what it is for: its reader gets them again.
 *
 * <p>Threads: as {@link Channel}.
 */
final class BegunChannel implements Channel {
    private final Channel channel;
    private final byte[] begin;
    private final Consumer<Channel> onClose;
    private final AbortSignal.Hook hook;
    private int taken;

    /**
     * Takes over the channel.
     *
     * @param begin what was read
     * @param abort ends the waits of the channel
     * @param onClose called with this channel, once at least, when it is closed
     */
    BegunChannel(Channel channel, byte[] begin, AbortSignal abort, Consumer<Channel> onClose) {
        this.channel = channel;
        this.begin = begin;
        this.onClose = onClose;
        this.hook = abort.onRaise(() -> channel.abort(abort.reason()));
    }

    @Override
    public int read(NativeMemory memory, long offset, int length, long timeoutNanos) {
        int n = Math.min(length, begin.length - taken);
        if (n == 0) {
            return channel.read(memory, offset, length, timeoutNanos);
        }
        memory.buffer(offset, n).put(begin, taken, n);
        taken += n;
        return n;
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
        hook.close();
        onClose.accept(this);
        channel.close();
    }
}
