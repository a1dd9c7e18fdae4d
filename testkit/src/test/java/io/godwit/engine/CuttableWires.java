// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** All the connections between two hosts, of which a test cuts some at one byte of the first one. Any thread. */
final class CuttableWires implements AutoCloseable {
    private static final int CHUNK_BYTES = 16 << 10;

    /** One connection. */
    private record Wire(Socket source, Socket destination) {
        void cut() {
            close(source);
            close(destination);
        }

        private static void close(Socket socket) {
            try {
                socket.close();
            } catch (IOException e) {
                // Closed is closed.
            }
        }
    }

    private final ServerSocket server = new ServerSocket(0, 4, InetAddress.getLoopbackAddress());
    private final int port;
    private final List<Wire> wires = new CopyOnWriteArrayList<>();
    private long left = Long.MAX_VALUE;
    private Runnable atCut = () -> {};

    CuttableWires(String destinationUri) throws IOException {
        port = Integer.parseInt(destinationUri.substring(destinationUri.lastIndexOf(':') + 1));
        Thread.ofPlatform().name("cuttable-wires").daemon().start(this::accept);
    }

    String uri() {
        return "tcp:127.0.0.1:" + server.getLocalPort();
    }

    int count() {
        return wires.size();
    }

    /** When so many bytes more have gone to the destination on the first connection, this is done there. */
    synchronized void atByte(long bytes, Runnable work) {
        left = bytes;
        atCut = work;
    }

    void cut(int which) {
        wires.get(which).cut();
    }

    private void accept() {
        try {
            while (true) {
                Socket source = server.accept();
                Socket destination = new Socket(InetAddress.getLoopbackAddress(), port);
                source.setTcpNoDelay(true);
                destination.setTcpNoDelay(true);
                Wire wire = new Wire(source, destination);
                boolean first = wires.isEmpty();
                wires.add(wire);
                Thread.ofPlatform().daemon().start(() -> pump(wire, source, destination, first));
                Thread.ofPlatform().daemon().start(() -> pump(wire, destination, source, false));
            }
        } catch (IOException e) {
            // The test is over.
        }
    }

    private void pump(Wire wire, Socket from, Socket to, boolean counted) {
        byte[] chunk = new byte[CHUNK_BYTES];
        try {
            int n = from.getInputStream().read(chunk);
            while (n >= 0) {
                int before = counted ? untilCut(n) : n;
                to.getOutputStream().write(chunk, 0, before);
                if (before < n) {
                    done().run();
                    to.getOutputStream().write(chunk, before, n - before);
                }
                n = from.getInputStream().read(chunk);
            }
            to.shutdownOutput();
        } catch (IOException e) {
            wire.cut();
        }
    }

    private synchronized int untilCut(int bytes) {
        int taken = (int) Math.min(left, bytes);
        left -= left == Long.MAX_VALUE ? 0 : taken;
        return taken;
    }

    private synchronized Runnable done() {
        left = Long.MAX_VALUE;
        return atCut;
    }

    @Override
    public void close() throws IOException {
        server.close();
        wires.forEach(Wire::cut);
    }
}
