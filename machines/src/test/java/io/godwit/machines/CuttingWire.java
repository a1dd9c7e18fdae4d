// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The wire between a source and a destination, with one wound: all its connections end at once when a certain byte or a
 * certain message comes by. It serves one session: its main connection and those that the source opens beside it.
 */
final class CuttingWire implements AutoCloseable {
    /** Where it is cut. */
    sealed interface Cut {
        /** Nowhere. */
        record Never() implements Cut {}

        /** After so many bytes to the destination, over all connections. */
        record AfterForwardBytes(long bytes) implements Cut {}

        /** After so many bytes from the destination. */
        record AfterBackwardBytes(long bytes) implements Cut {}

        /** At the {@code count}-th command with this number, so many bytes behind its first one. */
        record AtCommand(int id, int count, int bytesLater) implements Cut {}

        /** At the {@code count}-th answer of this type, so many bytes behind its first one. */
        record AtAnswer(int type, int count, int bytesLater) implements Cut {}

        /** At the end of the stream, so many bytes behind its first one. */
        record AtEndOfStream(int bytesLater) implements Cut {}

        /** After so many bytes of the second connection. */
        record AfterPreemptBytes(long bytes) implements Cut {}
    }

    private final ServerSocket listener;
    private final int destinationPort;
    private final Cut cut;
    private final boolean resumed;
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private volatile boolean struck;
    private long forwardBytes;
    private long backwardBytes;

    /**
     * A wire to a destination.
     *
     * @param resumed whether the session goes on after an earlier one, so that its stream has no header
     */
    CuttingWire(String destinationUri, Cut cut, boolean resumed) throws IOException {
        this.destinationPort = Integer.parseInt(destinationUri.substring(destinationUri.lastIndexOf(':') + 1));
        this.cut = cut;
        this.resumed = resumed;
        this.listener = new ServerSocket(0, 4, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    String uri() {
        return "tcp:127.0.0.1:" + listener.getLocalPort();
    }

    /** Whether the cut has happened. */
    boolean hasStruck() {
        return struck;
    }

    private void accept() {
        try {
            for (int connection = 0; ; connection++) {
                Socket source = listener.accept();
                Socket destination = new Socket(InetAddress.getLoopbackAddress(), destinationPort);
                sockets.add(source);
                sockets.add(destination);
                source.setTcpNoDelay(true);
                destination.setTcpNoDelay(true);
                boolean main = connection == 0;
                Thread.ofVirtual().start(() -> forward(source, destination, main));
                Thread.ofVirtual().start(() -> backward(source, destination, main));
            }
        } catch (IOException e) {
            endAll();
        }
    }

    private void forward(Socket source, Socket destination, boolean main) {
        ForwardWatch watch = new ForwardWatch(cut, resumed);
        long preemptBytes = 0;
        byte[] chunk = new byte[16 << 10];
        try {
            InputStream in = source.getInputStream();
            OutputStream out = destination.getOutputStream();
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                int keep = keptForward(n);
                if (main) {
                    keep = Math.min(keep, watch.keep(chunk, n));
                } else {
                    keep = Math.min(keep, keptPreempt(preemptBytes, n));
                    preemptBytes += n;
                }
                out.write(chunk, 0, keep);
                if (keep < n) {
                    strike();
                    return;
                }
            }
            destination.shutdownOutput();
        } catch (IOException e) {
            endAll();
        }
    }

    private synchronized int keptForward(int n) {
        forwardBytes += n;
        return cut instanceof Cut.AfterForwardBytes(long bytes) ? kept(bytes, forwardBytes, n) : n;
    }

    private int keptPreempt(long before, int n) {
        return cut instanceof Cut.AfterPreemptBytes(long bytes) ? kept(bytes, before + n, n) : n;
    }

    private static int kept(long limit, long reached, int n) {
        return (int) Math.max(0, Math.min(n, limit - (reached - n)));
    }

    private void backward(Socket source, Socket destination, boolean main) {
        BackwardWatch watch = new BackwardWatch(cut);
        byte[] chunk = new byte[4096];
        try {
            InputStream in = destination.getInputStream();
            OutputStream out = source.getOutputStream();
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                int keep = keptBackward(n);
                if (main) {
                    keep = Math.min(keep, watch.keep(chunk, n));
                }
                out.write(chunk, 0, keep);
                if (keep < n) {
                    strike();
                    return;
                }
            }
            source.shutdownOutput();
        } catch (IOException e) {
            endAll();
        }
    }

    private synchronized int keptBackward(int n) {
        backwardBytes += n;
        return cut instanceof Cut.AfterBackwardBytes(long bytes) ? kept(bytes, backwardBytes, n) : n;
    }

    private void strike() {
        struck = true;
        endAll();
    }

    /** Both sides see a reset or an end of file, as it happens. */
    private void endAll() {
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
        endAll();
    }
}
