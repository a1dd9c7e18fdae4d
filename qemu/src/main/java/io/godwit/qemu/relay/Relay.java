// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.relay;

import io.godwit.engine.transport.MigrationUri;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Takes a source's connections in and continues each to a destination. Every byte passes unchanged, whatever it is.
 * Ends with the last connection that carried anything.
 *
 * <p>Threads: one of its own accepts, two copy for each connection; {@link #figures} any.
 */
public final class Relay implements AutoCloseable {
    /** LIMIT: a migration has a connection for each page channel, some hundreds at most. */
    private static final int MAX_CONNECTIONS = 300;

    private static final Duration AFTER_FAILURE = Duration.ofMillis(100);

    private final ServerSocketChannel listener;
    private final MigrationUri listening;
    private final MigrationUri target;
    private final long bytesPerSecond;
    private final Meter meter = new Meter();
    private final Set<Passage> open = ConcurrentHashMap.newKeySet();
    private final CountDownLatch ended = new CountDownLatch(1);

    private Relay(ServerSocketChannel listener, MigrationUri listening, MigrationUri target, long bytesPerSecond) {
        this.listener = listener;
        this.listening = listening;
        this.target = target;
        this.bytesPerSecond = bytesPerSecond;
    }

    /**
     * Listens from now on.
     *
     * @param bytesPerSecond how much each stream may carry towards the destination; 0 for no limit. Requested pages on
     *     a connection of their own, and the way back, are not held up.
     * @throws IOException if it cannot listen there
     * @throws io.godwit.engine.outcome.MigrationException.Refused if a URI is none that a relay can use
     */
    public static Relay open(String listenUri, String targetUri, long bytesPerSecond) throws IOException {
        MigrationUri listening = socketUri(listenUri);
        MigrationUri target = socketUri(targetUri);
        SocketAddress address = address(listening);
        ServerSocketChannel listener = address instanceof UnixDomainSocketAddress
                ? ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                : ServerSocketChannel.open();
        try {
            ServerSocketChannel bound = listener.bind(address);
            MigrationUri where = bound.getLocalAddress() instanceof InetSocketAddress inet
                            && listening instanceof MigrationUri.Tcp(String host, int _)
                    ? new MigrationUri.Tcp(host, inet.getPort())
                    : listening;
            Relay relay = new Relay(bound, where, target, bytesPerSecond);
            Thread.ofVirtual().name("relay-accept").start(relay::accept);
            return relay;
        } catch (IOException e) {
            listener.close();
            throw new IOException("cannot listen at " + listening + ": " + Passage.reason(e), e);
        }
    }

    private static MigrationUri socketUri(String uri) {
        MigrationUri parsed = MigrationUri.parse(uri);
        return switch (parsed) {
            case MigrationUri.Tcp _, MigrationUri.Unix _ -> parsed;
            case MigrationUri.Exec _, MigrationUri.Fd _, MigrationUri.File _ ->
                throw new IllegalArgumentException(
                        "A relay needs tcp:HOST:PORT or unix:PATH on both sides, not " + parsed + ".");
        };
    }

    private static SocketAddress address(MigrationUri uri) throws IOException {
        return switch (uri) {
            case MigrationUri.Unix unix -> UnixDomainSocketAddress.of(unix.path());
            case MigrationUri.Tcp(String host, int port) -> {
                InetSocketAddress inet =
                        host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port);
                if (inet.isUnresolved()) {
                    throw new IOException("the host name " + host + " is unknown");
                }
                yield inet;
            }
            case MigrationUri.Exec _, MigrationUri.Fd _, MigrationUri.File _ ->
                throw new IllegalArgumentException("no address of a socket: " + uri);
        };
    }

    /** Where a source reaches it, with the port that was chosen. */
    public MigrationUri address() {
        return listening;
    }

    /** What has passed so far. */
    public RelayFigures figures() {
        return meter.figures();
    }

    /** Waits for the end of the last connection, no longer than the timeout; whether it came. */
    public boolean awaitEnd(Duration timeout) throws InterruptedException {
        return ended.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Until the listener is closed: what else goes wrong may pass, as a lack of descriptors does. */
    private void accept() {
        CountDownLatch before = new CountDownLatch(0);
        while (listener.isOpen()) {
            try {
                before = pass(listener.accept(), before);
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                meter.note("A connection cannot be taken: " + Passage.reason(e) + ".");
                LockSupport.parkNanos(AFTER_FAILURE.toNanos());
            }
        }
    }

    private CountDownLatch pass(SocketChannel source, CountDownLatch before) throws IOException {
        SocketChannel destination;
        try {
            if (open.size() >= MAX_CONNECTIONS) {
                throw new IOException("there are " + MAX_CONNECTIONS + " already");
            }
            destination = target instanceof MigrationUri.Unix
                    ? SocketChannel.open(StandardProtocolFamily.UNIX)
                    : SocketChannel.open();
        } catch (IOException e) {
            source.close();
            throw e;
        }
        Passage passage = new Passage(source, destination, meter, new RateLimit(bytesPerSecond), this::gone);
        boolean _ = open.add(passage);
        return passage.start(() -> address(target), before);
    }

    /** The last one ends the relay, unless none has carried anything: that was somebody who only knocked. */
    private void gone(Passage passage) {
        boolean _ = open.remove(passage);
        if (open.isEmpty() && meter.figures().forwardBytes() > 0) {
            ended.countDown();
        }
    }

    /** Stops listening and ends every connection. A second time does nothing. */
    @Override
    public void close() {
        if (!listener.isOpen()) {
            return;
        }
        try {
            listener.close();
            if (listening instanceof MigrationUri.Unix unix) {
                boolean _ = Files.deleteIfExists(unix.path());
            }
        } catch (IOException e) {
            // There is nothing left to close.
        }
        open.forEach(Passage::close);
    }
}
