// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.MigrationException;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.io.Polling;
import io.godwit.linux.memory.NativeMemory;
import java.time.Duration;

/** A channel over one descriptor: socket, pipe or file. Non-blocking underneath, so that the abort signal ends every wait. */
final class DescriptorChannel implements Channel {
    /** What must still happen after the last byte was written. */
    @FunctionalInterface
    interface Completion {
        /** Nothing. */
        Completion NONE = () -> {};

        /** Waits for it; throws if it did not work out. */
        void await();
    }

    private final Descriptor descriptor;
    private final AbortSignal abort;
    private final String peer;
    private final boolean bidirectional;
    private final long stallNanos;
    private final Completion completion;
    private final Polling writePolling = new Polling();
    private final Polling readPolling = new Polling();
    private boolean finished;

    /**
     * Takes over the descriptor.
     *
     * @param stall how long a write may make no progress at all
     */
    DescriptorChannel(
            Descriptor descriptor,
            AbortSignal abort,
            MigrationUri peer,
            boolean bidirectional,
            Duration stall,
            Completion completion) {
        this.descriptor = descriptor;
        this.abort = abort;
        this.peer = peer.toString();
        this.bidirectional = bidirectional;
        this.stallNanos = stall.toNanos();
        this.completion = completion;
    }

    @Override
    public void write(IoVector vector) {
        try {
            while (vector.remainingBytes() > 0) {
                checkAbort();
                if (descriptor.writeVector(vector) == 0) {
                    awaitWritable();
                }
            }
        } catch (NativeException e) {
            throw broken("writing to", e);
        }
    }

    @Override
    public void write(NativeMemory memory, long offset, int length) {
        int done = 0;
        try {
            while (done < length) {
                checkAbort();
                int n = descriptor.write(memory, offset + done, length - done);
                if (n == 0) {
                    awaitWritable();
                }
                done += n;
            }
        } catch (NativeException e) {
            throw broken("writing to", e);
        }
    }

    @Override
    public int read(NativeMemory memory, long offset, int length) {
        try {
            while (true) {
                checkAbort();
                int n = descriptor.read(memory, offset, length);
                if (n != 0) {
                    return n;
                }
                Polling.Outcome _ = readPolling.awaitReadable(descriptor, abort.event(), Polling.FOREVER_NANOS);
            }
        } catch (NativeException e) {
            throw broken("reading from", e);
        }
    }

    @Override
    public void pause(long nanos) {
        Polling.Outcome _ = writePolling.awaitSignal(abort.event(), nanos);
        checkAbort();
    }

    private void awaitWritable() {
        switch (writePolling.awaitWritable(descriptor, abort.event(), stallNanos)) {
            case READY, STOPPED -> {}
            case TIMED_OUT ->
                throw new MigrationException.Transport(peer + " took no byte for "
                        + Duration.ofNanos(stallNanos).toMillis() + " ms");
        }
    }

    private void checkAbort() {
        if (abort.isRaised()) {
            throw new MigrationException.Transport(abort.reason());
        }
    }

    private RuntimeException broken(String doing, NativeException e) {
        // The reason of an abort explains more than the error that it caused.
        return new MigrationException.Transport(
                abort.isRaised() ? abort.reason() : doing + " " + peer + ": " + e.getMessage(), e);
    }

    @Override
    public void abort(String reason) {
        abort.raise(reason);
    }

    @Override
    public boolean isAborted() {
        return abort.isRaised();
    }

    @Override
    public boolean isBidirectional() {
        return bidirectional;
    }

    @Override
    public String peer() {
        return peer;
    }

    @Override
    public void finish() {
        if (!finished) {
            finished = true;
            if (!bidirectional) {
                descriptor.close();
            }
            completion.await();
        }
    }

    @Override
    public void close() {
        descriptor.close();
        writePolling.close();
        readPolling.close();
    }
}
