// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.Files;
import io.godwit.linux.io.Sockets;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/** The kernel's sockets, pipes and files. */
public final class SystemTransports implements Transports {
    private static final System.Logger LOG = System.getLogger(SystemTransports.class.getName());

    /** LIMIT: three signs of life missed make a peer that is gone: half a minute. */
    private static final int KEEP_ALIVE_SECONDS = 10;
    /** Main and second connection, and strangers that knock. */
    private static final int BACKLOG = 8;

    private final Descriptors descriptors;

    /** With the descriptors that {@code fd:} may name. */
    public SystemTransports(Descriptors descriptors) {
        this.descriptors = descriptors;
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
            return switch (uri) {
                case MigrationUri.Tcp tcp -> socketChannel(connectToAny(tcp, patience, abort), uri, patience, abort);
                case MigrationUri.Unix unix ->
                    socketChannel(
                            Sockets.connect(UnixDomainSocketAddress.of(unix.path()), patience, abort.event()),
                            uri,
                            patience,
                            abort);
                case MigrationUri.Fd fd -> passedChannel(fd, patience, abort);
                case MigrationUri.Exec exec -> {
                    Command command = Command.writingTo(exec);
                    yield new DescriptorChannel(command.pipe(), abort, uri, false, patience, command);
                }
                case MigrationUri.File file ->
                    new DescriptorChannel(
                            Files.openForWrite(file.path(), file.offset()),
                            abort,
                            uri,
                            false,
                            patience,
                            DescriptorChannel.Completion.NONE);
            };
        } catch (NativeException e) {
            throw new MigrationException.Transport(
                    abort.isRaised() ? abort.reason() : "cannot reach " + uri + ": " + e.getMessage(), e);
        }
    }

    @Override
    public Listening listen(MigrationUri uri, Duration patience, AbortSignal abort) {
        try {
            return switch (uri) {
                case MigrationUri.Tcp tcp ->
                    SystemListening.onSocket(Sockets.listen(resolve(tcp).getFirst(), BACKLOG), uri, patience, abort);
                case MigrationUri.Unix unix ->
                    SystemListening.onSocket(
                            Sockets.listen(UnixDomainSocketAddress.of(unix.path()), BACKLOG), uri, patience, abort);
                case MigrationUri.Fd fd ->
                    SystemListening.to(socketChannel(descriptors.take(fd.name()), uri, patience, abort), uri);
                case MigrationUri.Exec exec -> {
                    Command command = Command.readingFrom(exec);
                    yield SystemListening.to(
                            new DescriptorChannel(command.pipe(), abort, uri, false, patience, command), uri);
                }
                case MigrationUri.File file ->
                    SystemListening.to(
                            new DescriptorChannel(
                                    Files.openForRead(file.path(), file.offset()),
                                    abort,
                                    uri,
                                    false,
                                    patience,
                                    DescriptorChannel.Completion.NONE),
                            uri);
            };
        } catch (NativeException | IllegalArgumentException | MigrationException.Transport e) {
            throw new MigrationException.Refused("cannot take a migration in at " + uri + ": " + e.getMessage(), e);
        }
    }

    /** What a descriptor is, only the kernel knows: a socket can answer, a pipe or a file cannot. */
    private Channel passedChannel(MigrationUri.Fd fd, Duration patience, AbortSignal abort) {
        Descriptor descriptor = descriptors.take(fd.name());
        return new DescriptorChannel(
                descriptor, abort, fd, Sockets.isSocket(descriptor), patience, DescriptorChannel.Completion.NONE);
    }

    /** A channel over a connected socket; over tcp it notices a peer whose machine has gone without a word. */
    static Channel socketChannel(Descriptor socket, MigrationUri uri, Duration patience, AbortSignal abort) {
        if (uri instanceof MigrationUri.Tcp) {
            Sockets.noDelay(socket, true);
            Sockets.keepAlive(socket, KEEP_ALIVE_SECONDS);
        }
        return new DescriptorChannel(socket, abort, uri, true, patience, DescriptorChannel.Completion.NONE);
    }

    /** A name may have several addresses, of which some do not answer; the last one's error is told. */
    private static Descriptor connectToAny(MigrationUri.Tcp tcp, Duration patience, AbortSignal abort) {
        List<InetSocketAddress> addresses = resolve(tcp);
        for (InetSocketAddress address : addresses.subList(0, addresses.size() - 1)) {
            try {
                return Sockets.connect(address, patience, abort.event());
            } catch (NativeException e) {
                LOG.log(System.Logger.Level.DEBUG, "{0} does not answer at {1}: {2}", tcp, address, e.getMessage());
            }
        }
        return Sockets.connect(addresses.getLast(), patience, abort.event());
    }

    /** All addresses of the host, at least one. */
    private static List<InetSocketAddress> resolve(MigrationUri.Tcp tcp) {
        try {
            return Arrays.stream(InetAddress.getAllByName(tcp.host()))
                    .map(address -> new InetSocketAddress(address, tcp.port()))
                    .toList();
        } catch (UnknownHostException e) {
            throw new MigrationException.Transport("the host '" + tcp.host() + "' in " + tcp + " is not known", e);
        }
    }
}
