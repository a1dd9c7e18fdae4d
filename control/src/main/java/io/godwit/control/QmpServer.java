// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.guest.RunControl;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.ColoExitReason;
import io.godwit.engine.report.ColoMode;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.host.HostControl;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.Sockets;
import io.godwit.linux.io.UnixSocketFile;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Answers QMP for one host: greeting, capabilities, commands, events, as QEMU does.
 *
 * <p>Threads: one accepts; each session has one that answers and one for events. The
 * listeners that it adds to the host only queue a record for each session and never wait.
 */
public final class QmpServer implements AutoCloseable {
    /** LIMIT: more clients than any operator has; each costs two threads and a queue. */
    static final int MAX_SESSIONS = 64;

    private static final System.Logger LOG = System.getLogger(QmpServer.class.getName());
    private static final long FINISH_NANOS = 500_000_000;

    private static final int BACKLOG = 64;
    private static final long PATIENCE_NANOS = 100_000_000;

    private final Descriptor listener;
    private final EventSignal closing = new EventSignal();
    private final Queue<QmpBuffers> spareBuffers = new ConcurrentLinkedQueue<>();
    private final Thread acceptor;
    private final QmpAddress address;
    private final QmpCommands commands;
    private final HostControl host;
    private final Set<QmpSession> sessions = ConcurrentHashMap.newKeySet();
    private final AtomicLong sessionNumber = new AtomicLong();

    private QmpServer(Descriptor listener, QmpAddress address, HostControl host) {
        this.listener = listener;
        this.acceptor = Thread.ofPlatform().daemon().name("qmp-accept").unstarted(this::accept);
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
            Descriptor listener = listen(address);
            server = new QmpServer(listener, boundAddress(listener, address), host);
        } catch (NativeException e) {
            throw new QmpConnectionException("QMP cannot listen at " + address + ": " + e.getMessage() + ".", e);
        }
        host.addRunListener(server.new RunEvents());
        host.migration().addListener(server.new MigrationEvents());
        server.acceptor.start();
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
        closing.raise();
        try {
            acceptor.join();
            closing.close();
            if (address instanceof QmpAddress.Unix(Path path)) {
                Files.deleteIfExists(path);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "closing {0}: {1}", address, e.getMessage());
        }
        // All are asked before the first is waited for: clients that do not read cost one wait, not one each.
        sessions.forEach(QmpSession::finish);
        long deadlineNanos = System.nanoTime() + FINISH_NANOS;
        sessions.forEach(session -> session.awaitWritten(deadlineNanos));
        freeBuffers();
    }

    /** Those of sessions that are still ending are left to the end of the process. */
    private void freeBuffers() {
        for (QmpBuffers spare = spareBuffers.poll(); spare != null; spare = spareBuffers.poll()) {
            spare.close();
        }
    }

    private static Descriptor listen(QmpAddress address) {
        return switch (address) {
            case QmpAddress.Tcp(String host, int port) when host.isEmpty() -> listenEverywhere(port);
            case QmpAddress.Tcp _, QmpAddress.Libvirt _ -> Sockets.listen(address.toSocketAddress(), BACKLOG);
            case QmpAddress.Unix unix -> {
                UnixSocketFile.removeDead(unix.path());
                yield Sockets.listen(unix.toSocketAddress(), BACKLOG);
            }
        };
    }

    /** By both families, where the kernel has IPv6. */
    private static Descriptor listenEverywhere(int port) {
        try {
            return Sockets.listen(new InetSocketAddress("::", port), BACKLOG);
        } catch (NativeException e) {
            return Sockets.listen(new InetSocketAddress("0.0.0.0", port), BACKLOG);
        }
    }

    private static QmpAddress boundAddress(Descriptor listener, QmpAddress asked) {
        return switch (asked) {
            case QmpAddress.Unix _, QmpAddress.Libvirt _ -> asked;
            case QmpAddress.Tcp tcp ->
                new QmpAddress.Tcp(tcp.host(), ((InetSocketAddress) Sockets.localAddress(listener)).getPort());
        };
    }

    private void accept() {
        try (listener;
                Polling polling = new Polling()) {
            while (polling.awaitReadable(listener, closing, Polling.FOREVER_NANOS) != Polling.Outcome.STOPPED) {
                try {
                    Sockets.accept(listener).ifPresent(this::serve);
                } catch (NativeException e) {
                    LOG.log(System.Logger.Level.WARNING, "QMP at {0}: {1}", address, e.getMessage());
                    // Too many descriptors are open, say: what waits would be seen at once again.
                    Polling.Outcome _ = polling.awaitSignal(closing, PATIENCE_NANOS);
                }
            }
        }
    }

    private void serve(Descriptor descriptor) {
        QmpBuffers buffers = Optional.ofNullable(spareBuffers.poll()).orElseGet(QmpBuffers::new);
        QmpSocket socket = new QmpSocket(descriptor, buffers);
        if (sessions.size() >= MAX_SESSIONS) {
            refuse(socket);
            spareBuffers.add(buffers);
            return;
        }
        if (address instanceof QmpAddress.Tcp) {
            Sockets.noDelay(descriptor, true);
        }
        SessionEnd end = new SessionEnd(buffers);
        QmpSession session = new QmpSession(socket, commands, end);
        end.session = session;
        sessions.add(session);
        session.start("qmp-" + sessionNumber.incrementAndGet());
    }

    private static void refuse(QmpSocket socket) {
        byte[] line = ("{\"error\": {\"class\": \"GenericError\", \"desc\": \"" + MAX_SESSIONS
                        + " QMP sessions are open already; close one first\"}}\r\n")
                .getBytes(StandardCharsets.UTF_8);
        try (socket) {
            socket.write(line, line.length);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "a QMP client that was refused has gone: {0}", e.getMessage());
        }
    }

    private final class SessionEnd implements Runnable {
        private final QmpBuffers buffers;
        private @org.jspecify.annotations.Nullable QmpSession session;

        SessionEnd(QmpBuffers buffers) {
            this.buffers = buffers;
        }

        @Override
        public void run() {
            spareBuffers.add(buffers);
            if (session != null && sessions.remove(session) && sessions.isEmpty()) {
                host.descriptors().dropSets();
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
        public void protectionEnded(ColoMode mode, ColoExitReason reason) {
            tell(new Notice.ColoExited(Instant.now(), mode, reason));
        }

        @Override
        public void passStarted(int pass) {
            if (host.migration().capabilities().contains(Capability.EVENTS)) {
                tell(new Notice.PassStarted(Instant.now(), pass));
            }
        }
    }
}
