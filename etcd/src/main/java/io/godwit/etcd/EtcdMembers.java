// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.ClientBuilder;
import io.godwit.engine.arbiter.ArbiterException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.ssl.SSLException;

/**
 * The members of one cluster, each with a connection of its own. A question goes to the one that answered last; if it
 * fails, or is slow, to the next one too, and the first answer counts. So one that is dead, stopped or cut off costs a
 * moment once. What is asked must be harmless when it is done twice.
 *
 * <p>Threads: one at a time.
 */
final class EtcdMembers implements AutoCloseable {
    private static final long REOPEN_NANOS = 200_000_000;

    // It tells the operator what it is made of. Held, or the level would be forgotten.
    private static final Logger GRPC = Logger.getLogger("io.grpc");

    static {
        GRPC.setLevel(Level.WARNING);
    }

    private final List<URI> addresses;
    private final List<Connection> connections = new ArrayList<>();
    private int preferred;

    /** A way to one member. */
    private static final class Connection {
        private final Supplier<Client> opening;
        private Client client;
        private long openedNanos;
        private volatile boolean failed;

        Connection(Supplier<Client> opening) {
            this.opening = opening;
            client = open();
        }

        private Client open() {
            openedNanos = System.nanoTime();
            return opening.get();
        }

        /** A connection that has failed is made anew: gRPC would wait for longer and longer before it tries again. */
        Client client() {
            if (failed && System.nanoTime() - openedNanos > REOPEN_NANOS) {
                client.close();
                client = open();
                failed = false;
            }
            return client;
        }
    }

    /**
     * Begins to connect, and waits for nobody.
     *
     * @throws ArbiterException if a file with certificates cannot be used
     */
    EtcdMembers(EtcdPlace place) {
        addresses = place.members();
        for (URI address : addresses) {
            connections.add(new Connection(builder(place, address)::build));
        }
        // A first question loads classes, connects and logs in, which a guest that is handed over need not wait for.
        connections.forEach(connection -> {
            CompletableFuture<?> _ = connection.client.getKVClient().get(ByteSequence.from("godwit", UTF_8));
        });
    }

    static ClientBuilder builder(EtcdPlace place, URI address) {
        ClientBuilder builder =
                Client.builder().endpoints(address).retryMaxAttempts(0).waitForReady(false);
        place.user()
                .ifPresent(user -> builder.user(ByteSequence.from(user.name(), UTF_8))
                        .password(ByteSequence.from(user.password(), UTF_8)));
        if (place.isSecure()) {
            try {
                // The certificate must be for the address that the operator said.
                return builder.authority(address.getAuthority()).sslContext(tls -> {
                    place.ca().ifPresent(file -> tls.trustManager(file.toFile()));
                    place.certificate()
                            .ifPresent(own -> tls.keyManager(
                                    own.chain().toFile(), own.key().toFile()));
                });
            } catch (SSLException | IllegalArgumentException e) {
                throw new ArbiterException("etcd: the certificates cannot be used: " + sentence(e), e);
            }
        }
        return builder;
    }

    /**
     * An answer, and who gave it.
     *
     * @param member its index
     */
    record Answer<T>(int member, T value) {}

    /** What came of one question to one member. */
    private sealed interface Reply<T> {
        record Given<T>(int member, T value) implements Reply<T> {}

        record Failed<T>(int member, String why) implements Reply<T> {}
    }

    /**
     * Asks until somebody answers.
     *
     * @param what for the sentence: what cannot be done
     * @throws ArbiterException if nobody has answered within the limit, with what each said
     */
    <T> Answer<T> ask(String what, Duration limit, Function<Client, CompletableFuture<T>> question) {
        long begin = System.nanoTime();
        long patience = limit.dividedBy(connections.size() + 1L).toNanos();
        BlockingQueue<Reply<T>> replies = new LinkedBlockingQueue<>();
        List<CompletableFuture<?>> asked = new ArrayList<>();
        List<String> failures = new ArrayList<>();
        try {
            while (failures.size() < connections.size()) {
                if (asked.size() < connections.size() && asked.size() - failures.size() <= waited(begin, patience)) {
                    asked.add(put((preferred + asked.size()) % connections.size(), question, replies));
                }
                long left = limit.toNanos() - (System.nanoTime() - begin);
                Reply<T> reply = replies.poll(Math.min(left, patience), TimeUnit.NANOSECONDS);
                if (reply instanceof Reply.Given<T>(int member, T value)) {
                    preferred = member;
                    return new Answer<>(member, value);
                }
                if (reply instanceof Reply.Failed<T>(int member, String why)) {
                    connections.get(member).failed = true;
                    failures.add(addresses.get(member).getAuthority() + " says " + why);
                } else if (left <= 0) {
                    failures.add("no other answer within " + limit.toMillis() + " ms");
                    break;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ArbiterException("interrupted: etcd was asked to " + what, e);
        } finally {
            asked.forEach(future -> future.cancel(true));
        }
        throw new ArbiterException("etcd cannot " + what + ": " + String.join("; ", failures));
    }

    /** How many members are given up waiting for. */
    private static long waited(long begin, long patience) {
        return (System.nanoTime() - begin) / Math.max(1, patience);
    }

    private <T> CompletableFuture<?> put(
            int member, Function<Client, CompletableFuture<T>> question, BlockingQueue<Reply<T>> replies) {
        try {
            return question.apply(connections.get(member).client())
                    .thenAccept(value -> replies.add(new Reply.Given<>(member, value)))
                    .exceptionally(e -> {
                        replies.add(new Reply.Failed<>(member, sentence(e)));
                        return null;
                    });
        } catch (RuntimeException e) {
            replies.add(new Reply.Failed<>(member, sentence(e)));
            return CompletableFuture.completedFuture(null);
        }
    }

    /** What gRPC says, and why: of a handshake or a password that failed it says itself only that it did. */
    private static String sentence(Throwable failure) {
        List<String> said = new ArrayList<>();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
            if (!(cause instanceof CompletionException) && said.stream().noneMatch(last -> last.contains(message))) {
                said.add(message);
            }
        }
        return String.join(": ", said);
    }

    @Override
    public void close() {
        connections.forEach(connection -> connection.client.close());
    }
}
