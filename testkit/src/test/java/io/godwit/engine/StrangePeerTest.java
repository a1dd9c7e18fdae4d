// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import io.godwit.stream.StreamWriter;
import io.godwit.testkit.guest.CountingGuest;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Destinations and sources that are no Godwit. */
@Timeout(120)
class StrangePeerTest {
    @TempDir
    Path directory;

    @FunctionalInterface
    private interface Peer {
        void talk(Socket socket) throws IOException;
    }

    @Test
    void aDestinationThatNeverAnswersIsGivenUpWhileTheGuestRunsOn() throws Exception {
        try (Pair pair = new Pair(directory)) {
            migrateTo(pair, StrangePeerTest::readAll);
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("did not answer a PING within 2000 ms", GuestOwner.HERE.sentence());
            pair.assertRunsAtSourceOnly();
        }
    }

    /** It has another source, and so it reads who comes and hangs up. */
    @Test
    void aDestinationThatIsTakenFailsTheMigrationAtOnceAndTheGuestRunsOn() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.CONNECT_TIMEOUT, 600_000));
            migrateTo(pair, socket -> {
                byte[] _ = socket.getInputStream().readNBytes(8);
            });
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("may have another source already", GuestOwner.HERE.sentence());
            pair.assertRunsAtSourceOnly();
        }
    }

    /** As a QEMU does that dies at the worst moment: it knows no token, so that winning ours proves nothing. */
    @Test
    void aDestinationWithoutTokenThatFallsSilentAtTheEndLeavesTheGuestStoppedBecauseNobodyKnows() throws Exception {
        try (Pair pair = new Pair(directory)) {
            migrateTo(pair, StrangePeerTest::answerPings);
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("gave no answer within 2000 ms", GuestOwner.UNDECIDED.sentence());
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.UNDECIDED);
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.PAUSED);
            assertThat(pair.sourceRun.isUndecided()).isTrue();
            assertThatThrownBy(() -> pair.source.migrate("file:/dev/null"))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("not known");
            pair.sourceRun.cont();
            pair.assertRunsAtSourceOnly();
        }
    }

    private static void answerPings(Socket socket) throws IOException {
        OutputStream out = socket.getOutputStream();
        StreamReader reader = new StreamReader(
                new StreamListener() {
                    @Override
                    public void command(Command command) {
                        if (command instanceof Command.Ping(int value)) {
                            ByteBuffer pong = ByteBuffer.allocate(8);
                            new ReturnPathMessage.Pong(value).encode(pong);
                            try {
                                out.write(pong.array());
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        }
                    }

                    @Override
                    public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {}

                    @Override
                    public void zeroPage(int blockIndex, long offset) {}
                },
                StreamLimits.DEFAULT);
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        int n = 0;
        while (n >= 0) {
            n = socket.getInputStream().read(buffer.array(), buffer.position(), buffer.remaining());
            buffer.position(buffer.position() + Math.max(0, n)).flip();
            reader.consume(buffer);
            buffer.compact();
        }
    }

    private static void readAll(Socket socket) throws IOException {
        byte[] buffer = new byte[65536];
        int n = 0;
        while (n >= 0) {
            n = socket.getInputStream().read(buffer);
        }
    }

    @Test
    void aDestinationThatTalksNonsenseFailsTheMigrationWhileTheGuestRunsOn() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 4 << 20));
            migrateTo(pair, socket -> {
                OutputStream out = socket.getOutputStream();
                out.write(HexFormat.of().parseHex("7fff000401020304"));
                readAll(socket);
            });
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("return path", GuestOwner.HERE.sentence());
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aDestinationThatSaysNoWithoutKnowingTokensGivesTheGuestBack() throws Exception {
        try (Pair pair = new Pair(directory)) {
            migrateTo(pair, socket -> {
                socket.getOutputStream().write(HexFormat.of().parseHex("0001000400000001"));
                readAll(socket);
            });
            assertThat(pair.source.statistics().error().orElseThrow()).contains("status 1");
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aSourceThatIsOneByItsHeaderOnlyIsRefusedAndTheHostSaysWhy() throws Exception {
        ByteBuffer header = ByteBuffer.allocate(8);
        StreamWriter.header(header);
        try (Pair pair = new Pair(directory)) {
            String uri = pair.listen("tcp:127.0.0.1:0");
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port(uri))) {
                socket.getOutputStream().write(header.array());
                socket.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(pair.destination.awaitEnd(Pair.PATIENCE)).isTrue();
            }
            assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(pair.destination.statistics().error().orElseThrow()).contains("was not started here");
            assertThat(pair.destinationRun.state()).isEqualTo(RunState.INMIGRATE);
        }
    }

    @Test
    void aSourceThatWaitsForAnAnswerWithoutDescribingItsDevicesIsToldNo() throws Exception {
        ByteBuffer stream = ByteBuffer.allocate(4096);
        StreamWriter.header(stream);
        StreamWriter.configuration(stream, Configuration.of(CountingGuest.MACHINE));
        StreamWriter.command(stream, new Command.OpenReturnPath());
        StreamWriter.ramSetup(stream, 1, List.of(RamBlockEntry.of("ram", CountingGuest.RAM_BYTES)));
        StreamWriter.sectionHeader(stream, SectionHeader.ram(SectionKind.END, 1));
        StreamWriter.endOfRamSection(stream, 1);
        byte endOfStream = 0;
        stream.put(endOfStream);
        try (Pair pair = new Pair(directory)) {
            pair.destination.setParameters(pair.destination.parameters().with(MigrationParameter.CONNECT_TIMEOUT, 200));
            String uri = pair.listen("tcp:127.0.0.1:0");
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port(uri))) {
                socket.getOutputStream().write(stream.array(), 0, stream.position());
                assertThat(HexFormat.of().formatHex(socket.getInputStream().readAllBytes()))
                        .as("the reason in PONGs, and SHUT 1")
                        .startsWith("00020004fe" + HexFormat.of().formatHex("the".getBytes(StandardCharsets.US_ASCII)))
                        .endsWith("0001000400000001");
                assertThat(pair.destination.awaitEnd(Pair.PATIENCE)).isTrue();
            }
            assertThat(pair.destination.statistics().error().orElseThrow())
                    .contains("the source fell silent", "no vmdesc", "belongs to the source");
        }
    }

    private static void migrateTo(Pair pair, Peer peer) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread thread = Thread.ofVirtual().start(() -> {
                try (Socket socket = server.accept()) {
                    peer.talk(socket);
                } catch (IOException e) {
                    // The source hung up.
                }
            });
            pair.source.migrate("tcp:127.0.0.1:" + server.getLocalPort());
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            thread.join();
        }
    }

    private static int port(String uri) {
        return Integer.parseInt(uri.substring(uri.lastIndexOf(':') + 1));
    }
}
