// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.relay;

import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import jdk.net.ExtendedSocketOptions;

/**
 * One connection of the source's, and its continuation to the destination. Two threads copy, one a direction. A side
 * that ends is an end for the other one too, in that direction only; a fault ends both directions.
 */
final class Passage {
    private static final int BUFFER_BYTES = 256 << 10;

    /** LIMIT: a destination that takes longer to answer is none. */
    private static final Duration CONNECT = Duration.ofSeconds(10);

    private final SocketChannel source;
    private final SocketChannel destination;
    private final Meter meter;
    private final RateLimit limit;
    private final Consumer<Passage> ended;
    private final CountDownLatch tried = new CountDownLatch(1);
    private boolean connected;
    private int running = 1;

    Passage(SocketChannel source, SocketChannel destination, Meter meter, RateLimit limit, Consumer<Passage> ended) {
        this.source = source;
        this.destination = destination;
        this.meter = meter;
        this.limit = limit;
        this.ended = ended;
    }

    /** Where to connect to; a name is looked up meanwhile. */
    interface Target {
        SocketAddress address() throws IOException;
    }

    /**
     * Connects, and copies from then on.
     *
     * @param target where to
     * @param before must have tried first: a destination may go by the order of its connections
     * @return what counts down when this has connected, or has not
     */
    CountDownLatch start(Target target, CountDownLatch before) {
        Thread.ofVirtual()
                .name("relay-forward")
                .start(() -> run(() -> {
                    try {
                        before.await();
                        connected = connect(target);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    } finally {
                        tried.countDown();
                    }
                    if (connected) {
                        startBack();
                        forward();
                    }
                }));
        return tried;
    }

    private synchronized void startBack() {
        meter.opened();
        running++;
        Thread.ofVirtual().name("relay-back").start(() -> run(this::back));
    }

    /** Whether somebody answers there in time; if not, the source is turned away. */
    private boolean connect(Target target) {
        CompletableFuture<Boolean> answered = new CompletableFuture<>();
        var _ = answered.orTimeout(CONNECT.toMillis(), TimeUnit.MILLISECONDS).exceptionally(_ -> {
            close();
            return false;
        });
        try {
            boolean _ = destination.connect(target.address());
            prepare(source);
            prepare(destination);
            return answered.complete(true);
        } catch (IOException | RuntimeException e) {
            String reason =
                    answered.complete(false) ? reason(e) : "it did not answer within " + CONNECT.toSeconds() + " s";
            meter.note("The destination cannot be reached: " + reason
                    + ". The source was turned away, and keeps its guest.");
            close();
            return false;
        }
    }

    private static void prepare(SocketChannel channel) throws IOException {
        if (channel.supportedOptions().contains(StandardSocketOptions.TCP_NODELAY)) {
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        }
    }

    /** A direction of copying. */
    private interface Copying {
        void copy() throws IOException;
    }

    private void run(Copying copying) {
        try {
            copying.copy();
        } catch (IOException | RuntimeException e) {
            meter.note("A connection broke: " + reason(e) + ".");
            close();
        } finally {
            finish();
        }
    }

    /** Why, in words; what is closed by the other direction has none of its own. */
    static String reason(Exception e) {
        if (e instanceof ClosedChannelException) {
            return "it was closed";
        }
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message;
    }

    private synchronized void finish() {
        running--;
        if (running == 0) {
            close();
            if (connected) {
                meter.closed();
            }
            ended.accept(this);
        }
    }

    /** Ends both directions. */
    void close() {
        try (source;
                destination) {
            // Both are closed by leaving.
        } catch (IOException e) {
            // There is nothing left to close.
        }
    }

    private void forward() throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        Watched watched = new Watched("connection", _ -> {}, _ -> {});
        boolean first = true;
        boolean limited = true;
        buffer.limit(limit.portion(BUFFER_BYTES));
        for (int count = read(source, buffer, "source"); count >= 0; count = read(source, buffer, "source")) {
            buffer.flip();
            if (first) {
                first = false;
                limited = !Meter.isPreempt(buffer);
                watched = meter.forward(buffer);
            }
            write(destination, buffer, count);
            meter.passedForward(count);
            watched.passed(buffer);
            if (limited) {
                limit.passed(count);
            }
            buffer.clear().limit(limited ? limit.portion(BUFFER_BYTES) : BUFFER_BYTES);
        }
        destination.shutdownOutput();
    }

    private void back() throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES / 16);
        Watched watched = meter.back();
        for (int count = read(destination, buffer, "destination");
                count >= 0;
                count = read(destination, buffer, "destination")) {
            buffer.flip();
            write(source, buffer, count);
            meter.passedBack(count);
            watched.passed(buffer);
            buffer.clear();
        }
        source.shutdownOutput();
    }

    /** Reads at least one byte, or -1. What came is acknowledged at once: a peer may wait for that. */
    private int read(SocketChannel from, ByteBuffer buffer, String side) throws IOException {
        try {
            int count = from.read(buffer);
            if (count < 0) {
                meter.ended(side);
            } else if (from.supportedOptions().contains(ExtendedSocketOptions.TCP_QUICKACK)) {
                from.setOption(ExtendedSocketOptions.TCP_QUICKACK, true);
            }
            return count;
        } catch (IOException e) {
            meter.ended(side);
            throw e;
        }
    }

    /** Writes all, and leaves the buffer as it was. */
    private static void write(SocketChannel to, ByteBuffer buffer, int count) throws IOException {
        while (buffer.hasRemaining()) {
            int _ = to.write(buffer);
        }
        buffer.position(buffer.position() - count);
    }
}
