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

/** A destination that waits for its source: a listening socket, or a channel that is there already. */
public final class Listening implements AutoCloseable {
    private final MigrationUri uri;
    private final MigrationUri address;
    private final Optional<Descriptor> listener;
    private final Optional<Channel> ready;
    private final Duration patience;
    private final Optional<AbortSignal> abort;

    private Listening(
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

    static Listening onSocket(Descriptor listener, MigrationUri uri, Duration patience, AbortSignal abort) {
        return new Listening(uri, Optional.of(listener), Optional.empty(), patience, Optional.of(abort));
    }

    static Listening to(Channel channel, MigrationUri uri) {
        return new Listening(uri, Optional.empty(), Optional.of(channel), Duration.ZERO, Optional.empty());
    }

    /** Where a source can reach it; with the port that was chosen where none was asked for. */
    public MigrationUri address() {
        return address;
    }

    private static MigrationUri boundAddress(MigrationUri uri, Descriptor listener) {
        return uri instanceof MigrationUri.Tcp tcp && Sockets.localAddress(listener) instanceof InetSocketAddress bound
                ? new MigrationUri.Tcp(tcp.host(), bound.getPort())
                : uri;
    }

    /**
     * Waits for the source, without a limit: {@link AbortSignal} ends it.
     *
     * @throws MigrationException.Transport if the wait was ended
     */
    public Channel accept() {
        return abort.isEmpty() ? ready.orElseThrow() : acceptFurther(abort.get());
    }

    /** Whether connections can come here, more than one too; else there is one that is there already. */
    public boolean takesMore() {
        return listener.isPresent();
    }

    /**
     * Waits for a connection, while others live; {@code stop} ends the wait, and later those of the connection.
     *
     * @throws MigrationException.Transport if the wait was ended
     * @throws IllegalStateException unless {@link #takesMore}
     */
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

    /** Stops listening and removes what the address left in the file system. */
    @Override
    public void close() {
        listener.ifPresent(Descriptor::close);
        if (uri instanceof MigrationUri.Unix(Path path)) {
            try {
                boolean _ = Files.deleteIfExists(path);
            } catch (IOException e) {
                System.getLogger(Listening.class.getName())
                        .log(System.Logger.Level.WARNING, "cannot remove " + path, e);
            }
        }
    }
}
