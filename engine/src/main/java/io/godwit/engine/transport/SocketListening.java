// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.Sockets;
import io.godwit.linux.io.UnixSocketFile;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Listening sockets: one for each address of a host, or one of a path. */
final class SocketListening implements Listening {
    private static final System.Logger LOG = System.getLogger(SocketListening.class.getName());
    /** LIMIT: connections that come faster than they are accepted; others try again. */
    private static final int BACKLOG = 128;
    /** LIMIT: a port that is free at one address of a host and not at another. */
    private static final int PORT_ATTEMPTS = 16;

    private final List<Descriptor> listeners;
    private final MigrationUri address;
    private final Duration patience;
    private final Optional<UnixSocketFile> file;
    private final EventSignal wake = new EventSignal();
    private final Polling polling = new Polling();

    private SocketListening(
            List<Descriptor> listeners, MigrationUri address, Duration patience, Optional<UnixSocketFile> file) {
        this.listeners = listeners;
        this.address = address;
        this.patience = patience;
        this.file = file;
    }

    /**
     * Listens at a path; a socket that nobody listens at any more is replaced.
     *
     * @throws NativeException if the path cannot be had
     */
    static Listening on(MigrationUri.Unix unix, Duration patience) {
        UnixSocketFile.removeDead(unix.path());
        Descriptor listener = Sockets.listen(UnixDomainSocketAddress.of(unix.path()), BACKLOG);
        return new SocketListening(List.of(listener), unix, patience, Optional.of(UnixSocketFile.boundAt(unix.path())));
    }

    /**
     * Listens at each of the addresses that this machine has, with one port for all.
     *
     * @param addresses one at least
     * @throws NativeException if it can at none, or the port is in use at one
     */
    static Listening onAll(List<InetSocketAddress> addresses, MigrationUri.Tcp tcp, Duration patience) {
        for (int attempt = 1; ; attempt++) {
            List<Descriptor> listeners = new ArrayList<>();
            try {
                int port = listen(addresses, tcp.port(), listeners);
                return new SocketListening(
                        listeners, new MigrationUri.Tcp(tcp.host(), port), patience, Optional.empty());
            } catch (NativeException e) {
                listeners.forEach(Descriptor::close);
                boolean another = tcp.port() == 0 && e.errno() == Errno.EADDRINUSE;
                if (!another || attempt == PORT_ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    private static int listen(List<InetSocketAddress> addresses, int wanted, List<Descriptor> listeners) {
        int port = wanted;
        Optional<NativeException> missing = Optional.empty();
        for (InetSocketAddress one : addresses) {
            try {
                listeners.add(Sockets.listen(new InetSocketAddress(one.getAddress(), port), BACKLOG));
                port = port(listeners.getFirst());
                if (one.getAddress() instanceof Inet6Address all && all.isAnyLocalAddress()) {
                    // The addresses of IPv4 are among them.
                    return port;
                }
            } catch (NativeException e) {
                if (e.errno() != Errno.EADDRNOTAVAIL && e.errno() != Errno.EAFNOSUPPORT) {
                    throw e;
                }
                LOG.log(System.Logger.Level.DEBUG, "not an address of this machine: {0}", e.getMessage());
                missing = missing.or(() -> Optional.of(e));
            }
        }
        if (listeners.isEmpty()) {
            throw missing.orElseThrow();
        }
        return port;
    }

    private static int port(Descriptor listener) {
        if (Sockets.localAddress(listener) instanceof InetSocketAddress bound) {
            return bound.getPort();
        }
        throw new IllegalStateException(listener + " has no port");
    }

    @Override
    public MigrationUri address() {
        return address;
    }

    @Override
    public boolean takesMore() {
        return true;
    }

    @Override
    public Optional<Channel> accept() {
        try {
            for (Descriptor listener : listeners) {
                Optional<Descriptor> connection = Sockets.accept(listener);
                if (connection.isPresent()) {
                    return Optional.of(channel(connection.get()));
                }
            }
            return Optional.empty();
        } catch (NativeException e) {
            throw new MigrationException.Transport("no connection can be accepted: " + e.getMessage(), e);
        }
    }

    private Channel channel(Descriptor socket) {
        try {
            AbortSignal own = new AbortSignal();
            try {
                DescriptorChannel.Peer peer = new DescriptorChannel.Peer(
                        visitor(socket) + " at " + address, address instanceof MigrationUri.Tcp, true);
                return DescriptorChannel.onSocket(socket, peer, patience, own).closingAbort();
            } catch (RuntimeException | Error e) {
                own.close();
                throw e;
            }
        } catch (RuntimeException | Error e) {
            socket.close();
            throw e;
        }
    }

    private String visitor(Descriptor socket) {
        if (address instanceof MigrationUri.Unix) {
            return "process " + Sockets.peerProcess(socket);
        }
        return Sockets.peerAddress(socket) instanceof InetSocketAddress inet
                ? MigrationUri.hostAndPort(inet.getAddress().getHostAddress(), inet.getPort())
                : "somebody";
    }

    @Override
    public void await(boolean accepting, List<Channel> waiting, long timeoutNanos) {
        List<Descriptor> descriptors = new ArrayList<>(accepting ? listeners : List.of());
        for (Channel channel : waiting) {
            if (channel instanceof DescriptorChannel ours) {
                descriptors.add(ours.descriptor());
            }
        }
        if (polling.awaitAnyReadable(descriptors, wake, timeoutNanos) == Polling.Outcome.STOPPED) {
            wake.drain();
        }
    }

    @Override
    public void wake() {
        wake.raise();
    }

    @Override
    public void close() {
        listeners.forEach(Descriptor::close);
        file.ifPresent(UnixSocketFile::remove);
        wake.close();
        polling.close();
    }
}
