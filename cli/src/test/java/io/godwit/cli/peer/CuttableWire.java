// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * All connections between a source and a destination, which the test can cut at once; later ones pass again, to
 * wherever the destination is then.
 */
final class CuttableWire implements AutoCloseable {
    private static final long NEVER = Long.MAX_VALUE;

    private final ServerSocket listener;
    private final List<Socket> sockets = new ArrayList<>();
    private final Semaphore struck = new Semaphore(0);
    private final Semaphore released = new Semaphore(0);
    private int targetPort;
    private long bytesLeft = NEVER;
    private boolean holds;

    CuttableWire() throws IOException {
        listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon().name("wire").start(this::accept);
    }

    /** Where the source connects, whatever happens to the destination's address. */
    String uri() {
        return "tcp:127.0.0.1:" + listener.getLocalPort();
    }

    /** Where connections go from now on; an address as {@code tcp:HOST:PORT} of this host. */
    synchronized void leadTo(String uri) {
        targetPort = Integer.parseInt(uri.substring(uri.lastIndexOf(':') + 1));
    }

    /** Cuts all connections once so many more bytes have come from the source. */
    synchronized void cutAfter(long bytes) {
        bytesLeft = bytes;
        holds = false;
    }

    /**
     * Lets nothing more pass from the source on the connection that brings the byte after so many, until {@link
     * #release}.
     */
    synchronized void holdAfter(long bytes) {
        bytesLeft = bytes;
        holds = true;
    }

    /** Waits until what was armed last has happened. */
    void awaitStrike() throws InterruptedException {
        if (!struck.tryAcquire(QemuProcess.PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            throw new AssertionError("fewer bytes came than the test waits for");
        }
    }

    /** Lets pass again what was held. */
    void release() {
        released.release();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket source = listener.accept();
                Socket destination = new Socket(InetAddress.getLoopbackAddress(), target());
                source.setTcpNoDelay(true);
                destination.setTcpNoDelay(true);
                keep(source, destination);
                Thread.ofPlatform().daemon().name("wire-forth").start(() -> pass(source, destination, true));
                Thread.ofPlatform().daemon().name("wire-back").start(() -> pass(destination, source, false));
            } catch (IOException e) {
                // The listener was closed, or the destination does not listen: the source's connection ends with the
                // next cut.
            }
        }
    }

    private synchronized int target() {
        return targetPort;
    }

    private synchronized void keep(Socket source, Socket destination) {
        sockets.add(source);
        sockets.add(destination);
    }

    private void pass(Socket from, Socket to, boolean counts) {
        byte[] chunk = new byte[64 << 10];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                int passing = counts ? allowed(n) : n;
                out.write(chunk, 0, passing);
                if (passing < n && !strike()) {
                    return;
                }
                out.write(chunk, passing, n - passing);
            }
            to.shutdownOutput();
        } catch (IOException e) {
            closeAll(List.of(from, to));
        }
    }

    private synchronized int allowed(int n) {
        if (bytesLeft == NEVER) {
            return n;
        }
        int passing = (int) Math.min(n, bytesLeft);
        bytesLeft -= passing;
        return passing;
    }

    /** Whether the connection goes on. */
    private boolean strike() {
        List<Socket> ended;
        synchronized (this) {
            if (bytesLeft == NEVER) {
                return true;
            }
            bytesLeft = NEVER;
            ended = holds ? List.of() : List.copyOf(sockets);
            sockets.removeAll(ended);
        }
        closeAll(ended);
        struck.release();
        if (ended.isEmpty()) {
            released.acquireUninterruptibly();
        }
        return ended.isEmpty();
    }

    private static void closeAll(List<Socket> sockets) {
        for (Socket socket : sockets) {
            try {
                socket.close();
            } catch (IOException e) {
                // Closed is closed.
            }
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        synchronized (this) {
            closeAll(sockets);
        }
    }
}
