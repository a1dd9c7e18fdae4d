// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.guest.RunControl;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.host.HostControl;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Answers QMP for one host: greeting, capabilities, commands, events, as QEMU does.
 *
 * <p>Threads: accepts on a virtual thread; each session has a thread that answers and a virtual one for events. The
 * listeners that it adds to the host only queue a record for each session and never wait.
 */
public final class QmpServer implements AutoCloseable {
    /** LIMIT: more clients than any operator has; each costs two threads, one of them virtual, and a queue. */
    static final int MAX_SESSIONS = 64;

    private static final System.Logger LOG = System.getLogger(QmpServer.class.getName());
    private static final long FINISH_NANOS = 500_000_000;

    // KERNEL: S_IFMT and S_IFSOCK of inode(7).
    private static final int FILE_TYPE_MASK = 0xf000;
    private static final int FILE_TYPE_SOCKET = 0xc000;

    private final ServerSocketChannel acceptor;
    private final QmpAddress address;
    private final QmpCommands commands;
    private final HostControl host;
    private final Set<QmpSession> sessions = ConcurrentHashMap.newKeySet();
    private final AtomicLong sessionNumber = new AtomicLong();

    private QmpServer(ServerSocketChannel acceptor, QmpAddress address, HostControl host) {
        this.acceptor = acceptor;
        this.address = address;
        this.host = host;
        this.commands = new QmpCommands(
                host, () -> announceShutdown("host-qmp-quit"), id -> tell(new Notice.DeviceDeleted(Instant.now(), id)));
    }

    /**
     * Listens and serves from now on. A socket file that nobody listens at any more is replaced.
     *
     * @throws QmpConnectionException if the address cannot be had
     */
    public static QmpServer open(QmpAddress address, HostControl host) {
        QmpServer server;
        try {
            ServerSocketChannel acceptor = bind(address);
            server = new QmpServer(acceptor, boundAddress(acceptor, address), host);
        } catch (IOException e) {
            throw new QmpConnectionException("QMP cannot listen at " + address + ": " + e.getMessage() + ".", e);
        }
        host.addRunListener(server.new RunEvents());
        host.migration().addListener(server.new MigrationEvents());
        Thread.ofVirtual().name("qmp-accept").start(server::accept);
        return server;
    }

    /** Where it listens, with the port that was chosen. */
    public QmpAddress address() {
        return address;
    }

    /** How many clients are connected. */
    int sessionCount() {
        return sessions.size();
    }

    /**
     * Tells every session that the host ends and why, in QEMU's words ({@code host-signal}); {@code quit} tells by
     * itself.
     */
    public void announceShutdown(String reason) {
        tell(new Notice.Shutdown(Instant.now(), reason));
    }

    /** Sends what is queued, then closes every session and the socket. */
    @Override
    public void close() {
        try {
            acceptor.close();
            if (address instanceof QmpAddress.Unix(Path path)) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "closing {0}: {1}", address, e.getMessage());
        }
        // All are asked before the first is waited for: clients that do not read cost one wait, not one each.
        sessions.forEach(QmpSession::finish);
        long deadlineNanos = System.nanoTime() + FINISH_NANOS;
        sessions.forEach(session -> session.awaitWritten(deadlineNanos));
    }

    private static ServerSocketChannel bind(QmpAddress address) throws IOException {
        return switch (address) {
            case QmpAddress.Tcp tcp -> {
                ServerSocketChannel channel = ServerSocketChannel.open();
                yield bound(channel, tcp);
            }
            case QmpAddress.Unix unix -> {
                removeDeadSocket(unix);
                yield bound(ServerSocketChannel.open(StandardProtocolFamily.UNIX), unix);
            }
        };
    }

    private static ServerSocketChannel bound(ServerSocketChannel channel, QmpAddress address) throws IOException {
        try {
            return channel.bind(address.toSocketAddress());
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * A process that was killed leaves its socket file behind; connecting tells whether it lives. No other file is
     * touched.
     */
    private static void removeDeadSocket(QmpAddress.Unix unix) throws IOException {
        int type;
        try {
            type = (int) Files.getAttribute(unix.path(), "unix:mode", LinkOption.NOFOLLOW_LINKS) & FILE_TYPE_MASK;
        } catch (NoSuchFileException e) {
            return;
        }
        if (type != FILE_TYPE_SOCKET) {
            throw new IOException("what is there already is no socket");
        }
        try {
            SocketChannel.open(UnixDomainSocketAddress.of(unix.path())).close();
            throw new IOException("another process listens there");
        } catch (ConnectException e) {
            Files.deleteIfExists(unix.path());
        }
    }

    private static QmpAddress boundAddress(ServerSocketChannel acceptor, QmpAddress asked) throws IOException {
        return switch (asked) {
            case QmpAddress.Unix unix -> unix;
            case QmpAddress.Tcp tcp ->
                new QmpAddress.Tcp(tcp.host(), ((InetSocketAddress) acceptor.getLocalAddress()).getPort());
        };
    }

    private void accept() {
        while (acceptor.isOpen()) {
            try {
                serve(acceptor.accept());
            } catch (IOException e) {
                if (acceptor.isOpen()) {
                    LOG.log(System.Logger.Level.WARNING, "QMP at {0}: {1}", address, e.getMessage());
                }
            }
        }
    }

    private void serve(SocketChannel channel) throws IOException {
        if (sessions.size() >= MAX_SESSIONS) {
            refuse(channel);
            return;
        }
        if (address instanceof QmpAddress.Tcp) {
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        }
        SessionEnd end = new SessionEnd();
        QmpSession session = new QmpSession(channel, commands, end);
        end.session = session;
        sessions.add(session);
        session.start("qmp-" + sessionNumber.incrementAndGet());
    }

    private static void refuse(SocketChannel channel) throws IOException {
        try (channel) {
            String line = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"" + MAX_SESSIONS
                    + " QMP sessions are open already; close one first\"}}\r\n";
            channel.configureBlocking(false);
            channel.write(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
        }
    }

    private final class SessionEnd implements Runnable {
        private @org.jspecify.annotations.Nullable QmpSession session;

        @Override
        public void run() {
            if (session != null) {
                sessions.remove(session);
            }
        }
    }

    private void tell(Notice notice) {
        for (QmpSession session : sessions) {
            session.notice(notice);
        }
    }

    private final class RunEvents implements RunControl.Listener {
        @Override
        public void stopped() {
            tell(new Notice.Stopped(Instant.now()));
        }

        @Override
        public void resumed() {
            tell(new Notice.Resumed(Instant.now()));
        }
    }

    private final class MigrationEvents implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            if (host.migration().capabilities().contains(Capability.EVENTS)) {
                tell(new Notice.StatusChanged(Instant.now(), status));
            }
        }

        @Override
        public void passStarted(int pass) {
            if (host.migration().capabilities().contains(Capability.EVENTS)) {
                tell(new Notice.PassStarted(Instant.now(), pass));
            }
        }
    }
}
