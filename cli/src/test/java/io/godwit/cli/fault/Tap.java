// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The wire between a source and a destination, which strikes once: after a chosen byte, or when the destination says
 * that it runs the guest, whichever comes first. While the blow falls nothing passes.
 */
final class Tap implements AutoCloseable {
    /** WIRE: SHUT on the return path. */
    private static final int SHUT = 1;

    private final ServerSocket listener;
    private final int destinationPort;
    /** After so many bytes. */
    private final Blow<Long, Boolean> blow = new Blow<>();

    private volatile boolean verdictIsLost;
    private volatile boolean cutsAtBlow;
    private final AtomicLong forwardedBytes = new AtomicLong();
    private volatile Optional<Socket> source = Optional.empty();
    private volatile Optional<Socket> destination = Optional.empty();

    /** Between whoever connects to {@link #uri} and what listens at that port. */
    Tap(int destinationPort) throws IOException {
        this.destinationPort = destinationPort;
        this.listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon().name("tap").start(this::connect);
    }

    String uri() {
        return "tcp:127.0.0.1:" + listener.getLocalPort();
    }

    /** Strikes when that many bytes have passed; at once with the next byte if more have. */
    void arm(long afterBytes, Runnable action) {
        blow.arm(afterBytes, action);
    }

    /** What the destination says after the blow does not reach the source any more. */
    void loseVerdict() {
        verdictIsLost = true;
    }

    /** The source's machine dies with it: what its kernel still held is lost. */
    void cutAtBlow() {
        cutsAtBlow = true;
    }

    long forwardedBytes() {
        return forwardedBytes.get();
    }

    /** Waits for the blow. */
    void awaitBlow() throws Exception {
        boolean _ = blow.await(() -> "the blow has not fallen; " + forwardedBytes + " bytes have passed");
    }

    private void connect() {
        try {
            source = Optional.of(listener.accept());
            destination = Optional.of(new Socket(InetAddress.getLoopbackAddress(), destinationPort));
            source.get().setTcpNoDelay(true);
            destination.get().setTcpNoDelay(true);
            Thread.ofPlatform().daemon().name("tap-back").start(this::backward);
            forward();
        } catch (IOException e) {
            closeBoth();
        }
    }

    private void forward() {
        byte[] chunk = new byte[64 << 10];
        try {
            InputStream in = source.orElseThrow().getInputStream();
            OutputStream out = destination.orElseThrow().getOutputStream();
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                Optional<Long> afterBytes = blow.moment();
                int before = 0;
                if (afterBytes.isPresent() && afterBytes.get() < forwardedBytes.get() + n) {
                    before = Math.toIntExact(Math.max(0, afterBytes.get() - forwardedBytes.get()));
                    out.write(chunk, 0, before);
                    blow.fall(true);
                    if (cutsAtBlow) {
                        break;
                    }
                }
                out.write(chunk, before, n - before);
                forwardedBytes.addAndGet(n);
            }
            destination.orElseThrow().shutdownOutput();
        } catch (IOException e) {
            closeBoth();
        }
    }

    private void backward() {
        try {
            DataInputStream in = new DataInputStream(destination.orElseThrow().getInputStream());
            DataOutputStream out = new DataOutputStream(source.orElseThrow().getOutputStream());
            byte[] message = new byte[8];
            while (true) {
                // WIRE: all messages that a precopy destination sends have a head of 4 bytes and a payload of 4.
                in.readFully(message);
                boolean accepts = message[1] == SHUT && message[7] == 0;
                if (accepts) {
                    blow.fall(true);
                }
                if (!accepts || !verdictIsLost) {
                    out.write(message);
                }
            }
        } catch (IOException e) {
            endAnswers();
        }
    }

    private void endAnswers() {
        try {
            source.orElseThrow().shutdownOutput();
        } catch (IOException e) {
            closeBoth();
        }
    }

    private void closeBoth() {
        try {
            for (Optional<Socket> socket : java.util.List.of(source, destination)) {
                if (socket.isPresent()) {
                    socket.get().close();
                }
            }
        } catch (IOException e) {
            // Closed is closed.
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        closeBoth();
    }
}
