// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.Sockets;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** A listening socket, or a channel that is there already. */
final class SystemListening implements Listening {
    private final MigrationUri uri;
    private final MigrationUri address;
    private final Optional<Descriptor> listener;
    private final Optional<Channel> ready;
    private final Duration patience;
    private final Optional<AbortSignal> abort;

    private SystemListening(
            MigrationUri uri,
            Optional<Descriptor> listener,
            Optional<Channel> ready,
            Duration patience,
            Optional<AbortSignal> abort) {
        this.uri = uri;
        this.address = listener.map(l -> boundAddress(uri, l)).orElse(uri);
        this.listener = listener;
        this.ready = ready;
        this.patience = patience;
        this.abort = abort;
    }

    static SystemListening onSocket(Descriptor listener, MigrationUri uri, Duration patience, AbortSignal abort) {
        return new SystemListening(uri, Optional.of(listener), Optional.empty(), patience, Optional.of(abort));
    }

    static SystemListening to(Channel channel, MigrationUri uri) {
        return new SystemListening(uri, Optional.empty(), Optional.of(channel), Duration.ZERO, Optional.empty());
    }

    @Override
    public MigrationUri address() {
        return address;
    }

    private static MigrationUri boundAddress(MigrationUri uri, Descriptor listener) {
        return uri instanceof MigrationUri.Tcp tcp && Sockets.localAddress(listener) instanceof InetSocketAddress bound
                ? new MigrationUri.Tcp(tcp.host(), bound.getPort())
                : uri;
    }

    @Override
    public Channel accept() {
        return abort.isEmpty() ? ready.orElseThrow() : acceptFurther(abort.get());
    }

    @Override
    public boolean takesMore() {
        return listener.isPresent();
    }

    @Override
    public Channel acceptFurther(AbortSignal stop) {
        Descriptor socket =
                listener.orElseThrow(() -> new IllegalStateException(uri + " is one connection and takes no further"));
        try (Polling polling = new Polling()) {
            while (true) {
                Polling.Outcome _ = polling.awaitReadable(socket, stop.event(), Polling.FOREVER_NANOS);
                if (stop.isRaised()) {
                    throw new MigrationException.Transport(stop.reason());
                }
                Optional<Descriptor> connection = Sockets.accept(socket);
                if (connection.isPresent()) {
                    return SystemTransports.socketChannel(connection.get(), uri, patience, stop);
                }
            }
        }
    }

    @Override
    public void close() {
        listener.ifPresent(Descriptor::close);
        if (uri instanceof MigrationUri.Unix(Path path)) {
            try {
                boolean _ = Files.deleteIfExists(path);
            } catch (IOException e) {
                System.getLogger(SystemListening.class.getName())
                        .log(System.Logger.Level.WARNING, "cannot remove " + path, e);
            }
        }
    }
}
