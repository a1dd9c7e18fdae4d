// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Takes any number of connections of this host, and forgets what comes. */
final class DiscardSink implements AutoCloseable {
    private static final int BACKLOG = 64;

    private final ServerSocket server;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    DiscardSink() {
        try {
            server = new ServerSocket(0, BACKLOG, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
        } catch (IOException e) {
            throw new UncheckedIOException("no port can be opened on this host: " + e.getMessage(), e);
        }
        Thread.ofVirtual().name("doctor-sink-accept").start(this::accept);
    }

    /** Where to migrate to. */
    String uri() {
        return "tcp:127.0.0.1:" + server.getLocalPort();
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = server.accept();
                open.add(socket);
                Thread.ofVirtual().name("doctor-sink").start(() -> drain(socket));
            }
        } catch (IOException e) {
            // It was closed.
        }
    }

    private void drain(Socket socket) {
        try (socket) {
            long _ = socket.getInputStream().transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            // The migration ended.
        } finally {
            open.remove(socket);
        }
    }

    @Override
    public void close() {
        try {
            server.close();
            for (Socket socket : open) {
                socket.close();
            }
        } catch (IOException e) {
            // There is nothing left to close.
        }
    }
}
