// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.transport.MigrationUri;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Bytes that are no migration pass all the same, both ways, and each side's end is the other's. */
@Timeout(60)
class RelayOfBytesTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final InetAddress HERE = InetAddress.getLoopbackAddress();

    private static Relay relay(ServerSocket target, long limit) throws Exception {
        return Relay.open("tcp:127.0.0.1:0", "tcp:127.0.0.1:" + target.getLocalPort(), limit);
    }

    private static Socket connect(Relay relay) throws Exception {
        return new Socket(HERE, ((MigrationUri.Tcp) relay.address()).port());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 50_000_000})
    void hostileBytesPassUnchangedBothWaysAndTheFiguresSayWhereTheyEnd(long limit) throws Exception {
        long seed = new Random().nextLong();
        System.out.println("seed " + seed);
        byte[] there = new byte[3_000_000];
        byte[] back = new byte[500_000];
        new Random(seed).nextBytes(there);
        new Random(seed + 1).nextBytes(back);
        // A header of a migration, so that the reader begins.
        ByteBuffer.wrap(there).putInt(0x5145564d).putInt(3);
        try (ServerSocket target = new ServerSocket(0, 1, HERE);
                Relay relay = relay(target, limit);
                Socket source = connect(relay);
                Socket destination = target.accept()) {
            CompletableFuture<byte[]> arrived =
                    CompletableFuture.supplyAsync(() -> all(destination), Thread::startVirtualThread);
            CompletableFuture<byte[]> returned =
                    CompletableFuture.supplyAsync(() -> all(source), Thread::startVirtualThread);
            CompletableFuture<Void> sent =
                    CompletableFuture.runAsync(() -> send(destination, back), Thread::startVirtualThread);
            send(source, there);
            assertThat(arrived.get()).isEqualTo(there);
            assertThat(returned.get()).isEqualTo(back);
            assertThat(sent.get()).isNull();
            assertThat(relay.awaitEnd(PATIENCE)).isTrue();
            RelayFigures figures = relay.figures();
            assertThat(figures.forwardBytes()).isEqualTo(there.length);
            assertThat(figures.backBytes()).isEqualTo(back.length);
            assertThat(figures.arrived()).isFalse();
            assertThat(figures.notes())
                    .hasSize(2)
                    .anyMatch(note -> note.startsWith("Figures of the stream end near byte "))
                    .anyMatch(note -> note.startsWith("Figures of the return path end near byte "));
        }
    }

    private static byte[] all(Socket socket) {
        try {
            return socket.getInputStream().readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Sends, then says that no more comes: the other direction stays open. */
    private static void send(Socket socket, byte[] bytes) {
        try {
            socket.getOutputStream().write(bytes);
            socket.shutdownOutput();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    @SuppressWarnings("try") // the target is closed before its time on purpose
    void whoOnlyKnocksEndsNothingAndADestinationThatIsAwayTurnsTheSourceAway() throws Exception {
        try (ServerSocket target = new ServerSocket(0, 1, HERE);
                Relay relay = relay(target, 0)) {
            try (Socket knock = connect(relay);
                    Socket accepted = target.accept()) {
                knock.shutdownOutput();
                assertThat(accepted.getInputStream().read()).isNegative();
            }
            target.close();
            try (Socket source = connect(relay)) {
                assertThat(source.getInputStream().read()).as("turned away").isNegative();
            }
            assertThat(relay.awaitEnd(Duration.ofMillis(1))).isFalse();
            assertThat(relay.figures().notes()).anyMatch(note -> note.contains("keeps its guest"));
        }
    }

    @Test
    @SuppressWarnings("try") // the destination is closed before its time on purpose
    void aStreamThatBeginsWithACommandIsAPostcopyThatGoesOn() throws Exception {
        try (ServerSocket target = new ServerSocket(0, 1, HERE);
                Relay relay = relay(target, 0);
                Socket source = connect(relay);
                Socket destination = target.accept()) {
            send(source, new byte[] {8, 0, 1, 0, 0});
            assertThat(all(destination)).hasSize(5);
            destination.close();
            assertThat(relay.awaitEnd(PATIENCE)).isTrue();
            assertThat(relay.figures().postcopy()).isTrue();
            assertThat(relay.figures().notes()).anyMatch(note -> note.contains("its beginning went another way"));
        }
    }

    @Test
    void aWholeStreamWithoutAWordHasArrivedUnlessTheDestinationEndedFirst() {
        assertThat(whole("source").arrived()).isTrue();
        assertThat(whole("destination").arrived()).isFalse();
        assertThat(whole("destination").wholeWithoutWord()).isTrue();
    }

    private static RelayFigures whole(String firstEnd) {
        return new RelayFigures(1, 0, 9, 0, 1, 1, 0, 0, false, true, "", firstEnd, List.of());
    }

    @Test
    void aFailureWithoutAMessageIsStillNamed() {
        assertThat(Passage.reason(new IOException())).isEqualTo("IOException");
        assertThat(Passage.reason(new ClosedChannelException())).isEqualTo("it was closed");
    }

    @Test
    void onlySocketsCanBeRelayed() {
        assertThatThrownBy(() -> Relay.open("tcp:127.0.0.1:0", "file:/x", 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tcp:HOST:PORT or unix:PATH");
    }
}
