// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/**
 * The addresses of hosts. The C library's resolver cannot be told to stop, and may take long; so a thread of its own
 * asks it, on which nobody waits longer than they want to.
 *
 * <p>Threads: any; {@code mig-lookup} asks.
 */
final class HostAddresses {
    /** What knows names. */
    interface Resolver {
        /** All addresses of a host, one at least; may take as long as it likes. */
        InetAddress[] resolve(String host) throws UnknownHostException;
    }

    /** LIMIT: lookups that have not been answered, most of them given up; each has a thread. */
    private static final int MAX_UNANSWERED = 16;

    private static final List<InetAddress> LOOPBACK = literals("::1", "127.0.0.1");
    private static final List<InetAddress> WILDCARD = literals("::", "0.0.0.0");

    private final Resolver resolver;
    private final Semaphore unanswered = new Semaphore(MAX_UNANSWERED);

    /** Asks the machine's resolver. */
    HostAddresses() {
        this(InetAddress::getAllByName);
    }

    HostAddresses(Resolver resolver) {
        this.resolver = resolver;
    }

    /**
     * Where to try to reach a host, in this order: families take turns, IPv6 first (RFC 8305).
     *
     * @throws MigrationException.Transport if the host is not known, that was not found out in time, or {@code abort}
     *     was raised
     */
    List<InetSocketAddress> toReach(MigrationUri.Tcp tcp, Duration patience, AbortSignal abort) {
        return withPort(tcp, tcp.host().isEmpty() ? LOOPBACK : alternating(lookUp(tcp, patience, abort)));
    }

    /**
     * Where to listen; errors as for {@link #toReach}. No host means all addresses: IPv6's own, or on a machine without
     * it IPv4's.
     */
    List<InetSocketAddress> toListenAt(MigrationUri.Tcp tcp, Duration patience, AbortSignal abort) {
        return withPort(tcp, tcp.host().isEmpty() ? WILDCARD : alternating(lookUp(tcp, patience, abort)));
    }

    private static List<InetSocketAddress> withPort(MigrationUri.Tcp tcp, List<InetAddress> addresses) {
        return addresses.stream()
                .map(address -> new InetSocketAddress(address, tcp.port()))
                .toList();
    }

    private static List<InetAddress> alternating(InetAddress[] addresses) {
        List<InetAddress> six = new ArrayList<>();
        List<InetAddress> four = new ArrayList<>();
        for (InetAddress address : addresses) {
            (address instanceof Inet6Address ? six : four).add(address);
        }
        List<InetAddress> result = new ArrayList<>();
        for (int i = 0; i < Math.max(six.size(), four.size()); i++) {
            result.addAll(six.stream().skip(i).limit(1).toList());
            result.addAll(four.stream().skip(i).limit(1).toList());
        }
        return result.stream().distinct().toList();
    }

    private InetAddress[] lookUp(MigrationUri.Tcp tcp, Duration patience, AbortSignal abort) {
        try {
            return new InetAddress[] {InetAddress.ofLiteral(tcp.host())};
        } catch (IllegalArgumentException e) {
            // A name.
        }
        CompletableFuture<InetAddress[]> answer = new CompletableFuture<>();
        try (AbortSignal.Hook _ = abort.onRaise(() -> answer.completeExceptionally(givenUp(abort)))) {
            ask(tcp, answer);
            return answer.get(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new MigrationException.Transport(
                    "the address of '" + tcp.host() + "' was not found out in " + patience.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("interrupted while the address of " + tcp + " was looked up", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof MigrationException known
                    ? known
                    : new MigrationException.Transport("the host '" + tcp.host() + "' in " + tcp + " is not known", e);
        }
    }

    private static MigrationException givenUp(AbortSignal abort) {
        return new MigrationException.Transport(abort.reason());
    }

    private void ask(MigrationUri.Tcp tcp, CompletableFuture<InetAddress[]> answer) {
        if (answer.isDone()) {
            return;
        }
        if (!unanswered.tryAcquire()) {
            throw new MigrationException.Transport("the address of '" + tcp.host() + "' cannot be looked up: "
                    + MAX_UNANSWERED + " lookups before it have not been answered yet");
        }
        Thread _ = Thread.ofPlatform().daemon().name("mig-lookup").start(() -> {
            try {
                boolean _ = answer.complete(resolver.resolve(tcp.host()));
            } catch (UnknownHostException | RuntimeException e) {
                boolean _ = answer.completeExceptionally(e);
            } finally {
                unanswered.release();
            }
        });
    }

    private static List<InetAddress> literals(String... addresses) {
        return Stream.of(addresses).map(InetAddress::ofLiteral).toList();
    }
}
