// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.linux.io.IoVector;
import io.godwit.linux.io.Polling;
import io.godwit.linux.memory.NativeMemory;

/**
 * One byte stream to the other side, perhaps with a way back.
 *
 * <p>Threads: one writer and one reader at a time, which may be different threads; {@link #abort} from any thread.
 */
public interface Channel extends AutoCloseable {
    /**
     * Writes all of {@code vector}.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Transport if the wire breaks, the peer takes nothing for the
     *     stall limit, or the channel is aborted
     */
    void write(IoVector vector);

    /** Writes all of a range; errors as for {@link #write(IoVector)}. */
    void write(NativeMemory memory, long offset, int length);

    /** A time limit for reading that is none. */
    long FOREVER_NANOS = Polling.FOREVER_NANOS;

    /**
     * Reads at least one byte, waiting without a limit: a source may rightly be silent for long, and {@link #abort}
     * ends the wait.
     *
     * @return the number of bytes, or -1 at the end of the stream
     * @throws io.godwit.engine.outcome.MigrationException.Transport if the wire breaks or the channel is aborted
     */
    default int read(NativeMemory memory, long offset, int length) {
        return read(memory, offset, length, FOREVER_NANOS);
    }

    /** The same with a time limit: 0 if no byte came within {@code timeoutNanos}. */
    int read(NativeMemory memory, long offset, int length, long timeoutNanos);

    /**
     * Waits, as a rate limit does.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Transport if the channel is aborted meanwhile
     */
    void pause(long nanos);

    /**
     * Acknowledges what was read at once. Over tcp the kernel may hold an acknowledgement back for 40 ms while nothing
     * is written here, and a peer that waits for it before it sends the next small message (Nagle's algorithm) is late
     * by as much. Needed after each read.
     */
    default void acknowledgeAtOnce() {}

    /** Ends every wait on this channel, now and later, with an error that gives {@code reason}. */
    void abort(String reason);

    /** Whether the other side can answer. */
    boolean isBidirectional();

    /** Where it leads, for messages. */
    String peer();

    /**
     * Says that nothing more will be written, and waits until what was written is where it belongs (a command has
     * ended, a file is complete). {@link #abort} ends the wait for a command; a file system that hangs ends by itself.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Transport if that did not work out
     */
    void finish();

    /** Frees the descriptor. Closing twice does nothing. */
    @Override
    void close();
}
