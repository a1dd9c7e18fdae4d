// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.linux.memory.NativeMemory;
import java.util.function.Consumer;

/**
 * A channel of which some bytes were read already, to see what it is for: its reader gets them again.
 *
 * <p>Threads: as {@link Channel}.
 */
final class BegunChannel extends ForwardingChannel {
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
        super(channel);
        this.begin = begin;
        this.onClose = onClose;
        this.hook = abort.onRaise(() -> channel.abort(abort.reason()));
    }

    @Override
    public int read(NativeMemory memory, long offset, int length, long timeoutNanos) {
        int n = Math.min(length, begin.length - taken);
        if (n == 0) {
            return super.read(memory, offset, length, timeoutNanos);
        }
        memory.buffer(offset, n).put(begin, taken, n);
        taken += n;
        return n;
    }

    @Override
    public void close() {
        hook.close();
        onClose.accept(this);
        super.close();
    }
}
