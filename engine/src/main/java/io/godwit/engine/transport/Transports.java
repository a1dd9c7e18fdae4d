// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.MigrationException;
import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.Files;
import io.godwit.linux.io.Sockets;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;

/** Opens channels: the source connects, the destination listens. */
public final class Transports {
    private Transports() {}

    /**
     * Opens the way to a destination.
     *
     * @param patience how long connecting may take, and how long a destination may take no byte at all
     * @throws MigrationException.Transport if that does not work, or {@code abort} was raised
     */
    public static Channel connect(MigrationUri uri, Duration patience, AbortSignal abort) {
        try {
            return switch (uri) {
                case MigrationUri.Tcp tcp -> {
                    Descriptor socket = Sockets.connect(resolve(tcp), patience, abort.event());
                    Sockets.noDelay(socket, true);
                    yield socketChannel(socket, uri, patience, abort);
                }
                case MigrationUri.Unix unix ->
                    socketChannel(
                            Sockets.connect(UnixDomainSocketAddress.of(unix.path()), patience, abort.event()),
                            uri,
                            patience,
                            abort);
                case MigrationUri.Fd fd -> socketChannel(Descriptor.adopt(fd.number()), uri, patience, abort);
                case MigrationUri.Exec exec -> {
                    Command command = Command.writingTo(exec);
                    yield new DescriptorChannel(command.pipe(), abort, uri, false, patience, command::awaitSuccess);
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

    /**
     * Makes ready to take a migration in.
     *
     * @throws MigrationException.Refused if the address cannot be used
     */
    public static Listening listen(MigrationUri uri, Duration patience, AbortSignal abort) {
        try {
            return switch (uri) {
                case MigrationUri.Tcp tcp -> Listening.onSocket(Sockets.listen(resolve(tcp), 1), uri, patience, abort);
                case MigrationUri.Unix unix ->
                    Listening.onSocket(
                            Sockets.listen(UnixDomainSocketAddress.of(unix.path()), 1), uri, patience, abort);
                case MigrationUri.Fd fd ->
                    Listening.to(socketChannel(Descriptor.adopt(fd.number()), uri, patience, abort), uri);
                case MigrationUri.Exec exec -> {
                    Command command = Command.readingFrom(exec);
                    yield Listening.to(
                            new DescriptorChannel(command.pipe(), abort, uri, false, patience, command::awaitSuccess),
                            uri);
                }
                case MigrationUri.File file ->
                    Listening.to(
                            new DescriptorChannel(
                                    Files.openForRead(file.path(), file.offset()),
                                    abort,
                                    uri,
                                    false,
                                    patience,
                                    DescriptorChannel.Completion.NONE),
                            uri);
            };
        } catch (NativeException e) {
            throw new MigrationException.Refused("cannot take a migration in at " + uri + ": " + e.getMessage(), e);
        }
    }

    static Channel socketChannel(Descriptor socket, MigrationUri uri, Duration patience, AbortSignal abort) {
        return new DescriptorChannel(socket, abort, uri, true, patience, DescriptorChannel.Completion.NONE);
    }

    private static SocketAddress resolve(MigrationUri.Tcp tcp) {
        try {
            return new InetSocketAddress(InetAddress.getByName(tcp.host()), tcp.port());
        } catch (UnknownHostException e) {
            throw new MigrationException.Transport("the host '" + tcp.host() + "' in " + tcp + " is not known", e);
        }
    }
}
