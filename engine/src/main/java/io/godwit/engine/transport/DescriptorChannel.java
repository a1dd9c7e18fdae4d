// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.Sockets;
import io.godwit.linux.memory.NativeMemory;
import java.time.Duration;
import java.util.Optional;

/**
 * A channel over one descriptor: socket, pipe or file. Non-blocking underneath, so that the abort signal ends every
 * wait.
 */
final class DescriptorChannel implements Channel {
    /** What stands behind the descriptor and goes on when it is closed: a command. */
    interface Completion {
        /** Nothing. */
        Completion NONE = new Completion() {
            @Override
            public void await(AbortSignal abort) {}

            @Override
            public Optional<String> failure() {
                return Optional.empty();
            }

            @Override
            public void end() {}
        };

        /**
         * Waits until what was written is where it belongs.
         *
         * @throws MigrationException.Transport if that did not work out, or {@code abort} was raised
         */
        void await(AbortSignal abort);

        /** What has gone wrong there, if that explains an error of the descriptor. */
        Optional<String> failure();

        /** Ends it if it goes on. */
        void end();
    }

    /**
     * What is at the other end.
     *
     * @param name for messages
     * @param tcp whether acknowledgements can be held back
     * @param answers whether something can come back
     */
    record Peer(String name, boolean tcp, boolean answers) {
        /** What is at an address. */
        static Peer at(MigrationUri uri) {
            boolean tcp = uri instanceof MigrationUri.Tcp;
            return new Peer(uri.toString(), tcp, tcp || uri instanceof MigrationUri.Unix);
        }

        Peer answering() {
            return new Peer(name, tcp, true);
        }
    }

    /** LIMIT: three signs of life missed make a peer that is gone: half a minute. */
    private static final int KEEP_ALIVE_SECONDS = 10;

    private final Descriptor descriptor;
    private final AbortSignal abort;
    private final Peer peer;
    private final long stallNanos;
    private final Completion completion;
    private final Polling writePolling = new Polling();
    private final Polling readPolling = new Polling();
    private boolean closesAbort;
    private boolean finished;

    /**
     * Takes over the descriptor.
     *
     * @param stall how long a write may make no progress at all
     */
    DescriptorChannel(Descriptor descriptor, AbortSignal abort, Peer peer, Duration stall, Completion completion) {
        this.descriptor = descriptor;
        this.abort = abort;
        this.peer = peer;
        this.stallNanos = stall.toNanos();
        this.completion = completion;
    }

    /** Over a connected socket; over tcp it notices a peer whose machine has gone without a word. */
    static DescriptorChannel onSocket(Descriptor socket, Peer peer, Duration stall, AbortSignal abort) {
        if (peer.tcp()) {
            Sockets.noDelay(socket, true);
            Sockets.keepAlive(socket, KEEP_ALIVE_SECONDS);
        }
        return new DescriptorChannel(socket, abort, peer, stall, Completion.NONE);
    }

    /** Has the abort signal, which nobody else uses, closed with the channel. */
    DescriptorChannel closingAbort() {
        closesAbort = true;
        return this;
    }

    Descriptor descriptor() {
        return descriptor;
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
    public int read(NativeMemory memory, long offset, int length, long timeoutNanos) {
        try {
            while (true) {
                checkAbort();
                int n = descriptor.read(memory, offset, length);
                if (n < 0) {
                    completion.failure().ifPresent(failure -> {
                        throw new MigrationException.Transport(failure);
                    });
                }
                if (n != 0) {
                    return n;
                }
                if (readPolling.awaitReadable(descriptor, abort.event(), timeoutNanos) == Polling.Outcome.TIMED_OUT) {
                    return 0;
                }
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
                throw new MigrationException.Transport(peer.name() + " took no byte for "
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
        String message = abort.isRaised()
                ? abort.reason()
                : doing + " " + peer.name() + ": " + e.getMessage()
                        + completion.failure().map(failure -> "; " + failure).orElse("");
        return new MigrationException.Transport(message, e);
    }

    @Override
    public void acknowledgeAtOnce() {
        if (peer.tcp()) {
            try {
                Sockets.quickAck(descriptor, true);
            } catch (NativeException e) {
                throw broken("reading from", e);
            }
        }
    }

    @Override
    public void abort(String reason) {
        abort.raise(reason);
    }

    @Override
    public boolean isBidirectional() {
        return peer.answers();
    }

    @Override
    public String peer() {
        return peer.name();
    }

    @Override
    public void finish() {
        if (!finished) {
            finished = true;
            if (!peer.answers()) {
                descriptor.close();
            }
            completion.await(abort);
        }
    }

    @Override
    public void close() {
        descriptor.close();
        completion.end();
        writePolling.close();
        readPolling.close();
        if (closesAbort) {
            abort.close();
        }
    }
}
