// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.NativeMemory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class SocketsTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void tcpConnects(String host) {
        try (Descriptor listener = listenOrAbort(new InetSocketAddress(host, 0))) {
            exchange(listener, Sockets.localAddress(listener));
        }
    }

    @Test
    void unixConnects(@TempDir Path directory) {
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("s"));
        try (Descriptor listener = Sockets.listen(address, 1)) {
            assertThat(Sockets.localAddress(listener)).isEqualTo(address);
            exchange(listener, address);
        }
    }

    private static Descriptor listenOrAbort(SocketAddress address) {
        try {
            return Sockets.listen(address, 1);
        } catch (NativeException failure) {
            return switch (failure.errno()) {
                case EAFNOSUPPORT, EADDRNOTAVAIL -> abort("no such network here: " + failure.getMessage());
                default -> throw failure;
            };
        }
    }

    private static void exchange(Descriptor listener, SocketAddress address) {
        assertThat(Sockets.accept(listener)).isEmpty();
        try (Polling polling = new Polling();
                EventSignal stop = new EventSignal();
                NativeMemory memory = NativeMemory.allocate(16);
                Descriptor client = Sockets.connect(address, LIMIT)) {
            assertThat(polling.awaitReadable(listener, stop, LIMIT.toNanos())).isEqualTo(Polling.Outcome.READY);
            try (Descriptor server = Sockets.accept(listener).orElseThrow()) {
                assertThat(Sockets.localAddress(server)).isEqualTo(Sockets.peerAddress(client));
                memory.putLong(0, 42);
                assertThat(client.write(memory, 0, 8)).isEqualTo(8);
                assertThat(polling.awaitReadable(server, stop, LIMIT.toNanos())).isEqualTo(Polling.Outcome.READY);
                assertThat(server.read(memory, 8, 8)).isEqualTo(8);
                assertThat(memory.getLong(8)).isEqualTo(42);
            }
        }
    }

    @Test
    void portWithoutListenerRefuses() {
        SocketAddress free;
        try (Descriptor listener = Sockets.listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1)) {
            free = Sockets.localAddress(listener);
        }
        assertThatThrownBy(() -> Sockets.connect(free, LIMIT))
                .asInstanceOf(InstanceOfAssertFactories.type(NativeException.class))
                .satisfies(failure -> assertThat(failure.errno()).isEqualTo(Errno.ECONNREFUSED))
                .satisfies(failure -> assertThat(failure).hasMessageContaining(free.toString()));
    }

    @Test
    void connectingEndsAtItsTimeLimit(@TempDir Path directory) {
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("s"));
        List<Descriptor> queued = new ArrayList<>();
        try (Descriptor _ = Sockets.listen(address, 0)) {
            assertThatThrownBy(() -> {
                        while (queued.size() < 100) {
                            queued.add(Sockets.connect(address, Duration.ofMillis(20)));
                        }
                    })
                    .asInstanceOf(InstanceOfAssertFactories.type(NativeException.class))
                    .satisfies(failure -> assertThat(failure.errno()).isEqualTo(Errno.ETIMEDOUT));
        } finally {
            queued.forEach(Descriptor::close);
        }
    }

    @Test
    void addressInUseIsNamed() {
        try (Descriptor listener = Sockets.listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1)) {
            SocketAddress taken = Sockets.localAddress(listener);
            assertThatThrownBy(() -> Sockets.listen(taken, 1))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContainingAll("bind", "EADDRINUSE", taken.toString());
        }
    }

    @Test
    void addressesThatCannotWorkAreRefused(@TempDir Path directory) {
        assertThatThrownBy(() -> Sockets.connect(InetSocketAddress.createUnresolved("nowhere.invalid", 1), LIMIT))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("nowhere.invalid");
        assertThatThrownBy(() -> Sockets.listen(UnixDomainSocketAddress.of(directory.resolve("x".repeat(108))), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("107 bytes");
        assertThatThrownBy(() -> Sockets.listen(UnixDomainSocketAddress.of(""), 1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void optionsReachTheKernel() {
        try (Descriptor listener = Sockets.listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1);
                Descriptor client = Sockets.connect(Sockets.localAddress(listener), LIMIT)) {
            Sockets.noDelay(client, true);
            Sockets.quickAck(client, true);
            Sockets.keepAlive(client, 10);
            Sockets.sendBufferBytes(client, 50_000);
            Sockets.receiveBufferBytes(client, 60_000);
            assertThat(Sockets.sendBufferBytes(client)).isGreaterThanOrEqualTo(50_000);
            assertThat(Sockets.receiveBufferBytes(client)).isGreaterThanOrEqualTo(60_000);
        }
        try (Pipes.Pair pipe = Pipes.pair()) {
            assertThatThrownBy(() -> Sockets.noDelay(pipe.readEnd(), true))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContainingAll("setsockopt", "ENOTSOCK");
        }
    }
}
