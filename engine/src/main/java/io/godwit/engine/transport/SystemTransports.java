// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.Files;
import io.godwit.linux.io.Sockets;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.List;

/** The kernel's sockets, pipes and files. */
public final class SystemTransports implements Transports {
    private final Descriptors descriptors;
    private final HostAddresses hosts;

    /** With the descriptors that {@code fd:} may name. */
    public SystemTransports(Descriptors descriptors) {
        this(descriptors, new HostAddresses());
    }

    SystemTransports(Descriptors descriptors, HostAddresses hosts) {
        this.descriptors = descriptors;
        this.hosts = hosts;
    }

    @Override
    public MigrationUri usable(String uri) {
        MigrationUri parsed = MigrationUri.parse(uri);
        if (parsed instanceof MigrationUri.Fd(String name)) {
            descriptors.refuseUnknown(name);
        }
        return parsed;
    }

    @Override
    public Channel connect(MigrationUri uri, Duration patience, AbortSignal abort) {
        try {
            return open(uri, patience, abort);
        } catch (NativeException e) {
            throw new MigrationException.Transport(
                    abort.isRaised() ? abort.reason() : "cannot reach " + uri + ": " + e.getMessage(), e);
        }
    }

    private Channel open(MigrationUri uri, Duration patience, AbortSignal abort) {
        DescriptorChannel.Peer peer = DescriptorChannel.Peer.at(uri);
        return switch (uri) {
            case MigrationUri.Tcp tcp ->
                DescriptorChannel.onSocket(connectToAny(tcp, patience, abort), peer, patience, abort);
            case MigrationUri.Unix unix ->
                DescriptorChannel.onSocket(
                        Sockets.connect(UnixDomainSocketAddress.of(unix.path()), patience, abort.event()),
                        peer,
                        patience,
                        abort);
            case MigrationUri.Fd fd -> passed(fd, patience, abort);
            case MigrationUri.Exec exec -> {
                Command command = Command.writingTo(exec);
                yield new DescriptorChannel(command.pipe(), abort, peer, patience, command);
            }
            case MigrationUri.File file ->
                new DescriptorChannel(
                        Files.openForWrite(file.path(), file.offset()),
                        abort,
                        peer,
                        patience,
                        DescriptorChannel.Completion.NONE);
        };
    }

    /** What a descriptor is, only the kernel knows: a socket can answer, a pipe or a file cannot. */
    private DescriptorChannel passed(MigrationUri.Fd fd, Duration patience, AbortSignal abort) {
        Descriptor descriptor = descriptors.take(fd.name());
        DescriptorChannel.Peer peer = Sockets.isSocket(descriptor)
                ? DescriptorChannel.Peer.at(fd).answering()
                : DescriptorChannel.Peer.at(fd);
        return new DescriptorChannel(descriptor, abort, peer, patience, DescriptorChannel.Completion.NONE);
    }

    /** Tries a host's addresses one after the other; each may take its part of the time that is left. */
    private Descriptor connectToAny(MigrationUri.Tcp tcp, Duration patience, AbortSignal abort) {
        List<InetSocketAddress> addresses = hosts.toReach(tcp, patience, abort);
        long deadlineNanos = System.nanoTime() + patience.toNanos();
        StringBuilder failures = new StringBuilder();
        for (int i = 0; i < addresses.size(); i++) {
            long share = Math.max(0, deadlineNanos - System.nanoTime()) / (addresses.size() - i);
            try {
                return Sockets.connect(addresses.get(i), Duration.ofNanos(share), abort.event());
            } catch (NativeException e) {
                if (abort.isRaised() || addresses.size() == 1) {
                    throw e;
                }
                failures.append(failures.isEmpty() ? "" : "; ").append(e.getMessage());
            }
        }
        throw new MigrationException.Transport(
                "cannot reach " + tcp + " at any of its " + addresses.size() + " addresses: " + failures);
    }

    @Override
    public Listening listen(MigrationUri uri, Duration patience, AbortSignal abort) {
        try {
            return switch (uri) {
                case MigrationUri.Tcp tcp ->
                    SocketListening.onAll(hosts.toListenAt(tcp, patience, abort), tcp, patience);
                case MigrationUri.Unix unix -> SocketListening.on(unix, patience);
                case MigrationUri.Fd _, MigrationUri.Exec _, MigrationUri.File _ -> readable(uri, patience);
            };
        } catch (NativeException | MigrationException.Transport e) {
            throw new MigrationException.Refused("cannot take a migration in at " + uri + ": " + e.getMessage(), e);
        }
    }

    private Listening readable(MigrationUri uri, Duration patience) {
        AbortSignal own = new AbortSignal();
        try {
            return new ReadyListening(uri, openToRead(uri, patience, own).closingAbort());
        } catch (RuntimeException | Error e) {
            own.close();
            throw e;
        }
    }

    private DescriptorChannel openToRead(MigrationUri uri, Duration patience, AbortSignal abort) {
        DescriptorChannel.Peer peer = DescriptorChannel.Peer.at(uri);
        return switch (uri) {
            case MigrationUri.Fd fd -> passed(fd, patience, abort);
            case MigrationUri.Exec exec -> {
                Command command = Command.readingFrom(exec);
                yield new DescriptorChannel(command.pipe(), abort, peer, patience, command);
            }
            case MigrationUri.File file ->
                new DescriptorChannel(
                        Files.openForRead(file.path(), file.offset()),
                        abort,
                        peer,
                        patience,
                        DescriptorChannel.Completion.NONE);
            case MigrationUri.Tcp _, MigrationUri.Unix _ ->
                throw new IllegalArgumentException(uri + " is an address where connections come in");
        };
    }
}
