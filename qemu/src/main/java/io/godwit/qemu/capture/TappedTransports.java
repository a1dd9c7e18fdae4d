// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.ForwardingChannel;
import io.godwit.engine.transport.Listening;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.engine.transport.Transports;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The system's transports for one migration that comes: what is read of it goes to somebody else too. */
final class TappedTransports implements Transports {
    private final Transports system = new SystemTransports(Descriptors.ANY_NUMBER);
    /** Of the magic of a stream. */
    private static final byte FIRST_BYTE = 'Q';

    private final WritableByteChannel tap;

    private volatile Optional<Tapped> main = Optional.empty();

    /** Bytes go to {@code tap}, which takes all of them. */
    TappedTransports(WritableByteChannel tap) {
        this.tap = tap;
    }

    /** Whether anything was said to the source, as it is as soon as it has opened a way back. */
    boolean answered() {
        return main.filter(channel -> channel.answered).isPresent();
    }

    /** Whether this is the connection that began as a stream does before all others; strangers begin otherwise. */
    private synchronized boolean isMain(Tapped channel, NativeMemory memory, long offset) {
        if (main.isEmpty() && memory.buffer(offset, 1).get(0) == FIRST_BYTE) {
            main = Optional.of(channel);
        }
        return main.filter(channel::equals).isPresent();
    }

    @Override
    public MigrationUri usable(String uri) {
        return system.usable(uri);
    }

    @Override
    public Channel connect(MigrationUri uri, Duration patience, AbortSignal abort) {
        return system.connect(uri, patience, abort);
    }

    @Override
    public Listening listen(MigrationUri uri, Duration patience, AbortSignal abort) {
        return new Door(system.listen(uri, patience, abort));
    }

    private final class Door implements Listening {
        private final Listening door;

        Door(Listening door) {
            this.door = door;
        }

        @Override
        public MigrationUri address() {
            return door.address();
        }

        @Override
        public boolean takesMore() {
            return door.takesMore();
        }

        @Override
        public Optional<Channel> accept() {
            return door.accept().map(Tapped::new);
        }

        @Override
        public void await(boolean accepting, List<Channel> waiting, long timeoutNanos) {
            List<Channel> theirs = waiting.stream()
                    .map(channel -> channel instanceof Tapped tapped ? tapped.channel() : channel)
                    .toList();
            door.await(accepting, theirs, timeoutNanos);
        }

        @Override
        public void wake() {
            door.wake();
        }

        @Override
        public void close() {
            door.close();
        }
    }

    private final class Tapped extends ForwardingChannel {
        private volatile boolean answered;

        Tapped(Channel channel) {
            super(channel);
        }

        @Override
        public int read(NativeMemory memory, long offset, int length, long timeoutNanos) {
            int count = super.read(memory, offset, length, timeoutNanos);
            if (count > 0 && isMain(this, memory, offset)) {
                ByteBuffer bytes = memory.buffer(offset, count);
                try {
                    while (bytes.hasRemaining()) {
                        int _ = tap.write(bytes);
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
            return count;
        }

        @Override
        public void write(IoVector vector) {
            answered = true;
            super.write(vector);
        }

        @Override
        public void write(NativeMemory memory, long offset, int length) {
            answered = true;
            super.write(memory, offset, length);
        }
    }
}
