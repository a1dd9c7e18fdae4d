// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class HostAddressesTest {
    private static final Duration LONG = Duration.ofDays(1);

    private final AbortSignal abort = new AbortSignal();

    @AfterEach
    void close() {
        abort.close();
    }

    private static InetAddress[] addresses(String... literals) {
        return Stream.of(literals).map(InetAddress::ofLiteral).toArray(InetAddress[]::new);
    }

    private static SystemTransports transports(HostAddresses.Resolver resolver) {
        return new SystemTransports(Descriptors.ANY_NUMBER, new HostAddresses(resolver));
    }

    private static List<String> hosts(List<InetSocketAddress> addresses) {
        return addresses.stream().map(InetSocketAddress::getHostString).toList();
    }

    @Test
    void familiesTakeTurnsAndEachAddressComesOnce() {
        HostAddresses hosts =
                new HostAddresses(host -> addresses("10.0.0.1", "10.0.0.2", "fd00::1", "10.0.0.1", "fd00::2"));
        assertThat(hosts.toReach(new MigrationUri.Tcp("guesthouse", 1), LONG, abort))
                .extracting(InetSocketAddress::getAddress)
                .containsExactly(addresses("fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2"));
    }

    @Test
    void anAddressIsNotLookedUp() {
        HostAddresses hosts = new HostAddresses(host -> {
            throw new AssertionError(host);
        });
        assertThat(hosts(hosts.toReach(new MigrationUri.Tcp("127.0.0.1", 1), LONG, abort)))
                .containsExactly("127.0.0.1");
        assertThat(hosts.toListenAt(new MigrationUri.Tcp("", 1), LONG, abort)).hasSize(2);
    }

    @Test
    void anUnknownHostIsNamed() {
        HostAddresses hosts = new HostAddresses(host -> {
            throw new UnknownHostException(host);
        });
        assertThatThrownBy(() -> hosts.toReach(new MigrationUri.Tcp("nobody", 1), LONG, abort))
                .isInstanceOf(MigrationException.Transport.class)
                .hasMessageContaining("'nobody'");
    }

    @Test
    void aLookupThatIsNeverAnsweredEndsWithTheAbortAndInTheTimeThatItMayTake() throws Exception {
        CountDownLatch asked = new CountDownLatch(2);
        CountDownLatch release = new CountDownLatch(1);
        HostAddresses hosts = new HostAddresses(host -> {
            asked.countDown();
            awaitUninterruptibly(release);
            return addresses("10.0.0.1");
        });
        MigrationUri.Tcp tcp = new MigrationUri.Tcp("hanging", 1);
        assertThatThrownBy(() -> hosts.toReach(tcp, Duration.ofMillis(1), abort))
                .isInstanceOf(MigrationException.Transport.class)
                .hasMessageContaining("'hanging' was not found out");
        CompletableFuture<Throwable> lookup = CompletableFuture.runAsync(() -> hosts.toReach(tcp, LONG, abort))
                .handle((_, e) -> e.getCause());
        asked.await();
        abort.raise("cancelled");
        assertThat(lookup.get(60, TimeUnit.SECONDS))
                .isInstanceOf(MigrationException.Transport.class)
                .hasMessage("cancelled");
        assertThatThrownBy(() -> hosts.toReach(tcp, LONG, abort)).hasMessage("cancelled");
        release.countDown();
    }

    @Test
    void lookupsThatWereGivenUpAreBounded() {
        CountDownLatch release = new CountDownLatch(1);
        HostAddresses hosts = new HostAddresses(host -> {
            awaitUninterruptibly(release);
            return addresses("10.0.0.1");
        });
        MigrationUri.Tcp tcp = new MigrationUri.Tcp("hanging", 1);
        for (int i = 0; i < 16; i++) {
            assertThatThrownBy(() -> hosts.toReach(tcp, Duration.ofMillis(1), abort))
                    .hasMessageContaining("was not found out");
        }
        assertThatThrownBy(() -> hosts.toReach(tcp, Duration.ofMillis(1), abort))
                .hasMessageContaining("16 lookups");
        release.countDown();
    }

    @Test
    void eachAddressOfANameIsTried() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.3"));
                Channel channel = transports(host -> addresses("127.0.0.1", "127.0.0.2", "127.0.0.3"))
                        .connect(new MigrationUri.Tcp("three", server.getLocalPort()), LONG, abort);
                Socket accepted = server.accept()) {
            assertThat(channel.isBidirectional()).isTrue();
            assertThat(accepted.isConnected()).isTrue();
        }
    }

    @Test
    void whereNoAddressOfANameAnswersAllAreNamed() throws Exception {
        int closed;
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
            closed = server.getLocalPort();
        }
        assertThatThrownBy(() -> transports(host -> addresses("127.0.0.1", "127.0.0.2"))
                        .connect(new MigrationUri.Tcp("two", closed), LONG, abort))
                .isInstanceOf(MigrationException.Transport.class)
                .hasMessageContainingAll("/127.0.0.1:" + closed, "/127.0.0.2:" + closed);
    }

    @Test
    void aNameIsListenedAtOnEachOfItsAddressesThatThisMachineHas() throws Exception {
        try (Listening listening = transports(host -> addresses("127.0.0.1", "192.0.2.1", "127.0.0.2"))
                .listen(new MigrationUri.Tcp("two", 0), LONG, abort)) {
            int port = ((MigrationUri.Tcp) listening.address()).port();
            for (String address : List.of("127.0.0.1", "127.0.0.2")) {
                assertConnects(listening, address, port);
            }
        }
    }

    @Test
    void noHostMeansAllAddressesOfBothFamilies() throws Exception {
        try (Listening listening =
                transports(InetAddress::getAllByName).listen(MigrationUri.parse("tcp::0"), LONG, abort)) {
            int port = ((MigrationUri.Tcp) listening.address()).port();
            assertConnects(listening, "127.0.0.1", port);
            if (hasIpv6()) {
                assertConnects(listening, "::1", port);
            }
        }
    }

    private static void assertConnects(Listening listening, String address, int port) throws Exception {
        try (Socket socket = new Socket(InetAddress.ofLiteral(address), port)) {
            assertThat(socket.isConnected()).isTrue();
            listening.await(true, List.of(), Channel.FOREVER_NANOS);
            listening.accept().orElseThrow().close();
        }
    }

    private static boolean hasIpv6() {
        try (ServerSocket _ = new ServerSocket(0, 1, InetAddress.ofLiteral("::1"))) {
            return true;
        } catch (java.io.IOException e) {
            return false;
        }
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
