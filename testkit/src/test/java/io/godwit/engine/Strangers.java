// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import io.godwit.linux.process.ThreadEnd;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.stream.Stream;

/** People who knock at a migration port and are no source: one of each kind after the other. One thread. */
final class Strangers implements AutoCloseable {
    /** How they behave. */
    enum Kind {
        PROBE(""),
        WEB_CLIENT("GET / HTTP/1.0\r\n\r\n"),
        SILENT(""),
        HALF_A_HEADER("QEVM"),
        WRONG_VERSION("QEVM\0\0\0\2"),
        GREETER("GdwE and so on");

        private final String says;

        Kind(String says) {
            this.says = says;
        }
    }

    /** LIMIT: as many as may be open at once, so that the test does not run out of descriptors. */
    private static final int MAX_OPEN = 300;

    private final SocketAddress address;
    private final Deque<SocketChannel> open = new ArrayDeque<>();

    /** Will knock at a tcp or unix address. */
    Strangers(String uri) {
        String rest = uri.substring(uri.indexOf(':') + 1);
        if (uri.startsWith("unix:")) {
            address = UnixDomainSocketAddress.of(rest);
        } else {
            int port = Integer.parseInt(rest.substring(rest.lastIndexOf(':') + 1));
            address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
        }
    }

    /** One of each kind, so many times. */
    Strangers knock(int times) throws IOException {
        for (int i = 0; i < times; i++) {
            for (Kind kind : Kind.values()) {
                knock(kind);
            }
        }
        return this;
    }

    private void knock(Kind kind) throws IOException {
        SocketChannel channel = address instanceof UnixDomainSocketAddress
                ? SocketChannel.open(StandardProtocolFamily.UNIX)
                : SocketChannel.open();
        open.add(channel);
        channel.connect(address);
        if (kind == Kind.PROBE) {
            channel.close();
        } else if (!kind.says.isEmpty()) {
            channel.write(ByteBuffer.wrap(kind.says.getBytes(StandardCharsets.ISO_8859_1)));
        }
        if (kind == Kind.WEB_CLIENT || kind == Kind.WRONG_VERSION) {
            // They are turned away at once. Who knocks faster than anybody can open only finds the kernel's queue full.
            awaitEnd(channel);
        }
        while (open.size() > MAX_OPEN) {
            open.remove().close();
        }
    }

    /**
     * Those who are turned away at once, one after the other, and a few of the others, on a thread of their own, until
     * this is closed or nobody listens any more. A source that comes meanwhile may take its time with its first word.
     */
    static AutoCloseable goOn(String uri) {
        Strangers strangers = new Strangers(uri);
        Thread thread = Thread.ofPlatform().name("strangers").start(() -> {
            try (strangers) {
                strangers.knock(10);
                while (!Thread.currentThread().isInterrupted()) {
                    strangers.knock(Kind.PROBE);
                    strangers.knock(Kind.WEB_CLIENT);
                    strangers.knock(Kind.WRONG_VERSION);
                }
            } catch (IOException e) {
                // Whoever is turned away, or finds nobody, is a stranger still.
            }
        });
        return () -> {
            thread.interrupt();
            ThreadEnd.await(thread);
        };
    }

    private static void awaitEnd(SocketChannel channel) {
        try {
            while (channel.read(ByteBuffer.allocate(64)) > 0) {
                // A destination says nothing to strangers.
            }
        } catch (IOException e) {
            // That is an end, too.
        }
    }

    /** Descriptors of this process. */
    static int descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return (int) all.count();
        }
    }

    /** Threads of migrations. */
    static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("mig-"))
                .count();
    }

    @Override
    public void close() throws IOException {
        for (SocketChannel channel : open) {
            channel.close();
        }
    }
}
