// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.wire;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;

/**
 * A wire that calls a test as bytes come by: between two chunks nothing flows, so what the test does there happens in
 * the middle of whatever the source is sending. Further connections are not listened to.
 */
public final class HookedWire implements Closeable {
    private static final int CHUNK_BYTES = 16 << 10;

    /** Called before each chunk goes on. */
    public interface Hook {
        /**
         * Says how many bytes of this connection may go on from now on, in all; a connection that may send no more is
         * cut.
         */
        long at(long forwardedBytes) throws IOException;
    }

    private final ServerSocket server = new ServerSocket(0, 4, InetAddress.getLoopbackAddress());
    private final int port;
    private final Hook hook;

    public HookedWire(String destinationUri, Hook hook) throws IOException {
        this.port = Integer.parseInt(destinationUri.substring(destinationUri.lastIndexOf(':') + 1));
        this.hook = hook;
        Thread.ofPlatform().name("hooked-wire").daemon().start(this::accept);
    }

    public String uri() {
        return "tcp:127.0.0.1:" + server.getLocalPort();
    }

    private void accept() {
        Hook next = hook;
        try {
            while (true) {
                Socket source = server.accept();
                Hook its = next;
                Thread _ = Thread.ofPlatform().name("hooked-wire").daemon().start(() -> relay(source, its));
                next = _ -> Long.MAX_VALUE;
            }
        } catch (IOException e) {
            // The test is over.
        }
    }

    private void relay(Socket accepted, Hook its) {
        try (Socket source = accepted;
                Socket destination = new Socket()) {
            destination.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            source.setTcpNoDelay(true);
            destination.setTcpNoDelay(true);
            Thread back = Thread.ofPlatform().daemon().start(() -> backward(destination, source));
            forward(source, destination, its);
            destination.shutdownOutput();
            back.join();
        } catch (IOException | InterruptedException e) {
            // Either side hung up.
        }
    }

    private static void forward(Socket from, Socket to, Hook hook) throws IOException {
        byte[] chunk = new byte[CHUNK_BYTES];
        long forwarded = 0;
        int n = from.getInputStream().read(chunk);
        while (n >= 0) {
            long allowed = hook.at(forwarded);
            int length = (int) Math.min(n, allowed - forwarded);
            to.getOutputStream().write(chunk, 0, length);
            if (length < n) {
                from.close();
                to.close();
                return;
            }
            forwarded += n;
            n = from.getInputStream().read(chunk);
        }
    }

    private static void backward(Socket from, Socket to) {
        byte[] chunk = new byte[CHUNK_BYTES];
        try {
            int n = from.getInputStream().read(chunk);
            while (n >= 0) {
                to.getOutputStream().write(chunk, 0, n);
                n = from.getInputStream().read(chunk);
            }
            to.shutdownOutput();
        } catch (IOException e) {
            // Either side hung up.
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
