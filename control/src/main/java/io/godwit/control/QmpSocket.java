// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.PassedDescriptor;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.SocketMessages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The server's end of one control connection. Both directions wait until they can go on. One thread reads; others
 * write, one at a time; any may {@link #end} it, and who does so last closes it.
 */
final class QmpSocket implements AutoCloseable {
    private final Descriptor socket;
    private final QmpBuffers buffers;
    // The reader's.
    private final List<PassedDescriptor> passed = new ArrayList<>();
    private boolean tooManyPassed;
    private boolean closed;

    /**
     * Over a connected socket.
     *
     * @param buffers this connection's until it is closed
     */
    QmpSocket(Descriptor socket, QmpBuffers buffers) {
        this.socket = socket;
        this.buffers = buffers;
    }

    /** What comes next, good until the next call; empty at the end of the stream. */
    ByteBuffer read() throws IOException {
        try {
            int count = receive();
            while (count == 0) {
                Polling.Outcome _ = buffers.readable.awaitReadable(socket, Polling.FOREVER_NANOS);
                count = receive();
            }
            return buffers.in.buffer(0, Math.max(0, count));
        } catch (NativeException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    private int receive() {
        int before = passed.size();
        int count = buffers.messages.receive(socket, buffers.in, 0, QmpBuffers.BYTES, passed);
        if (buffers.messages.wereTooMany()) {
            tooManyPassed = true;
        }
        if (passed.size() > before) {
            // As with QEMU the latest message's count.
            tooManyPassed = false;
            List<PassedDescriptor> older = passed.subList(0, before);
            older.forEach(PassedDescriptor::close);
            older.clear();
        }
        return count;
    }

    /**
     * The descriptor that came with a command; others that came with it are closed.
     *
     * @throws QmpException if none came
     */
    PassedDescriptor takePassed() {
        if (tooManyPassed) {
            tooManyPassed = false;
            throw QmpException.generic("More than " + SocketMessages.MAX_DESCRIPTORS
                    + " file descriptors came in one message; all of them were closed");
        }
        if (passed.isEmpty()) {
            throw QmpException.generic("No file descriptor supplied via SCM_RIGHTS");
        }
        PassedDescriptor first = passed.removeFirst();
        dropPassed();
        return first;
    }

    /** Closes what came along and no command took. */
    void dropPassed() {
        tooManyPassed = false;
        passed.forEach(PassedDescriptor::close);
        passed.clear();
    }

    /** Writes all of it. */
    void write(byte[] bytes, int length) throws IOException {
        try {
            int done = 0;
            while (done < length) {
                int part = Math.min(length - done, QmpBuffers.BYTES);
                buffers.out.copyFrom(0, bytes, done, part);
                writeOut(part);
                done += part;
            }
        } catch (NativeException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    private void writeOut(int length) {
        int written = 0;
        while (written < length) {
            int count = socket.write(buffers.out, written, length - written);
            if (count == 0) {
                Polling.Outcome _ = buffers.writable.awaitWritable(socket, Polling.FOREVER_NANOS);
            }
            written += count;
        }
    }

    /** Ends the connection: both directions fail from now on, also for who waits. */
    synchronized void end() {
        if (!closed) {
            socket.shutdown();
        }
    }

    /** Closes it; no other thread may read or write any more. */
    @Override
    public synchronized void close() {
        closed = true;
        dropPassed();
        socket.close();
    }
}
