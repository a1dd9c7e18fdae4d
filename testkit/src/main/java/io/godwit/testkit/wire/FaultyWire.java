// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.wire;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** A wire between source and destination that does one thing wrong at one byte. */
public final class FaultyWire implements AutoCloseable {
    /** What goes wrong. Positions count bytes of one direction from 0. */
    public sealed interface Fault {
        /** Nothing; the wire only counts. */
        record None() implements Fault {}

        /** Both connections end when this many bytes have gone to the destination. */
        record CutForward(long at) implements Fault {}

        /** Both connections end when this many bytes have come back from the destination. */
        record CutBackward(long at) implements Fault {}

        /** One byte on its way to the destination is inverted. */
        record FlipForward(long at) implements Fault {}

        /** One byte on its way back is inverted. */
        record FlipBackward(long at) implements Fault {}

        /** Nothing goes on in this direction any more, and nobody hears of it. */
        record StallForward(long at) implements Fault {}

        /** As above, the other way. */
        record StallBackward(long at) implements Fault {}
    }

    private final ServerSocketChannel server;
    private final int destinationPort;
    private final Fault fault;
    private final CountDownLatch closed = new CountDownLatch(1);
    public final AtomicLong forwardBytes = new AtomicLong();
    public final AtomicLong backwardBytes = new AtomicLong();

    public FaultyWire(String destinationUri, Fault fault) throws IOException {
        this.fault = fault;
        this.destinationPort = Integer.parseInt(destinationUri.substring(destinationUri.lastIndexOf(':') + 1));
        this.server = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        Thread.ofVirtual().start(this::relay);
    }

    public String uri() throws IOException {
        return "tcp:127.0.0.1:" + ((InetSocketAddress) server.getLocalAddress()).getPort();
    }

    private void relay() {
        try (SocketChannel source = server.accept();
                SocketChannel destination =
                        SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), destinationPort))) {
            source.setOption(StandardSocketOptions.TCP_NODELAY, true);
            destination.setOption(StandardSocketOptions.TCP_NODELAY, true);
            Thread back = Thread.ofVirtual().start(() -> pump(destination, source, backwardBytes, false));
            pump(source, destination, forwardBytes, true);
            back.join();
        } catch (IOException | InterruptedException e) {
            // Either side hung up, which is what these tests are about.
        }
    }

    private void pump(SocketChannel from, SocketChannel to, AtomicLong count, boolean forward) {
        ByteBuffer buffer = ByteBuffer.allocate(64 << 10);
        try {
            while (from.read(buffer.clear()) >= 0) {
                buffer.flip();
                long before = count.get();
                long cut = limit(forward) - before;
                flip(buffer, before, forward);
                if (cut < buffer.remaining()) {
                    buffer.limit((int) Math.max(0, cut));
                    write(to, buffer, count);
                    stopHere(from, to);
                    return;
                }
                write(to, buffer, count);
            }
            to.shutdownOutput();
        } catch (IOException e) {
            close(from, to);
        }
    }

    private static void write(SocketChannel to, ByteBuffer buffer, AtomicLong count) throws IOException {
        while (buffer.hasRemaining()) {
            long _ = count.addAndGet(to.write(buffer));
        }
    }

    private void stopHere(SocketChannel from, SocketChannel to) {
        switch (fault) {
            case Fault.StallForward _, Fault.StallBackward _ -> {
                try {
                    closed.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
            case Fault.None _, Fault.CutForward _, Fault.CutBackward _, Fault.FlipForward _, Fault.FlipBackward _ -> {}
        }
        close(from, to);
    }

    private long limit(boolean forward) {
        return switch (fault) {
            case Fault.CutForward(long at) when forward -> at;
            case Fault.StallForward(long at) when forward -> at;
            case Fault.CutBackward(long at) when !forward -> at;
            case Fault.StallBackward(long at) when !forward -> at;
            case Fault.None _,
                    Fault.CutForward _,
                    Fault.CutBackward _,
                    Fault.FlipForward _,
                    Fault.FlipBackward _,
                    Fault.StallForward _,
                    Fault.StallBackward _ -> Long.MAX_VALUE;
        };
    }

    private void flip(ByteBuffer buffer, long before, boolean forward) {
        long at = switch (fault) {
            case Fault.FlipForward(long position) when forward -> position;
            case Fault.FlipBackward(long position) when !forward -> position;
            case Fault.None _,
                    Fault.CutForward _,
                    Fault.CutBackward _,
                    Fault.FlipForward _,
                    Fault.FlipBackward _,
                    Fault.StallForward _,
                    Fault.StallBackward _ -> -1;
        };
        if (at >= before && at < before + buffer.remaining()) {
            int index = buffer.position() + (int) (at - before);
            buffer.put(index, (byte) ~buffer.get(index));
        }
    }

    private static void close(SocketChannel one, SocketChannel other) {
        try (one;
                other) {
            // Closing is all.
        } catch (IOException e) {
            // Closed is closed.
        }
    }

    @Override
    public void close() throws IOException {
        closed.countDown();
        server.close();
    }
}
