// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.stream.Bytes;
import io.godwit.stream.ColoListener;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.ColoReader;
import io.godwit.stream.Command;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import io.godwit.stream.WrittenPages;
import io.godwit.testkit.guest.CountingGuest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whatever a secondary says or leaves out: the primary's guest goes on here, in bounded time, and says why. */
final class ColoPrimaryTest {
    /** What the secondary does instead of its word. */
    enum Instead {
        SILENCE,
        WRONG,
        UNKNOWN,
        CLOSE,
        /** It tells what its guest has written, of a block that there is not. */
        WROTE_NONSENSE,
        /** The same, and not to the end. */
        WROTE_A_PART
    }

    @TempDir
    Path directory;

    /** A secondary by hand, which shares the token; it takes everything in and says all words up to one. */
    private static final class ScriptedSecondary implements AutoCloseable {
        private final ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        private final int wrongWord;
        private final Instead instead;
        private volatile Socket socket = new Socket();
        private int words;

        ScriptedSecondary(int wrongWord, Instead instead) throws IOException {
            this.wrongWord = wrongWord;
            this.instead = instead;
            Thread.ofPlatform().name("scripted-secondary").daemon().start(this::serve);
        }

        String uri() {
            return "tcp:127.0.0.1:" + server.getLocalPort();
        }

        private void serve() {
            try {
                socket = server.accept();
                socket.setTcpNoDelay(true);
                StreamReader stream = new StreamReader(new Pongs(), StreamLimits.DEFAULT);
                ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
                while (!stream.isComplete()) {
                    read(buffer);
                    stream.consume(buffer);
                    buffer.compact();
                }
                ColoReader checkpoints = stream.checkpoints(new Words());
                say(ColoMessage.CHECKPOINT_READY);
                while (true) {
                    read(buffer);
                    checkpoints.consume(buffer);
                    buffer.compact();
                }
            } catch (IOException | UncheckedIOException e) {
                // One side has hung up.
            }
        }

        private void read(ByteBuffer buffer) throws IOException {
            byte[] chunk = new byte[buffer.remaining()];
            int n = socket.getInputStream().read(chunk);
            if (n < 0) {
                throw new IOException("the primary hung up");
            }
            buffer.put(chunk, 0, n).flip();
        }

        private void say(ColoMessage message) {
            words++;
            try {
                if (words < wrongWord) {
                    word(message.value());
                    if (tellsWritten() && message == ColoMessage.CHECKPOINT_REPLY) {
                        word(0);
                    }
                } else if (words == wrongWord) {
                    switch (instead) {
                        case SILENCE -> {}
                        case WRONG -> word((message.value() + 1) % 7);
                        case UNKNOWN -> word(0x00070000);
                        case CLOSE -> socket.close();
                        case WROTE_NONSENSE -> written(7, 16);
                        case WROTE_A_PART -> written(0, 9);
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private boolean tellsWritten() {
            return instead == Instead.WROTE_NONSENSE || instead == Instead.WROTE_A_PART;
        }

        private void written(int block, int bytes) throws IOException {
            word(ColoMessage.CHECKPOINT_REPLY.value());
            word(1);
            ByteBuffer record = ByteBuffer.allocate(WrittenPages.WORD_BYTES);
            WrittenPages.putWord(record, block, 0, 1);
            socket.getOutputStream().write(record.array(), 0, bytes);
        }

        private void word(int value) throws IOException {
            socket.getOutputStream().write(ByteBuffer.allocate(4).putInt(value).array());
        }

        private final class Pongs implements StreamListener {
            @Override
            public void command(Command command) {
                if (command instanceof Command.Ping(int value)) {
                    if (value == Extension.TOKEN.question()) {
                        pong(Extension.TOKEN.yes());
                    } else if (value == Extension.WRITTEN.question() && tellsWritten()) {
                        pong(Extension.WRITTEN.yes());
                    }
                    pong(value);
                }
            }

            @Override
            public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
                // Only the words matter.
            }

            @Override
            public void zeroPage(int blockIndex, long offset) {
                // As above.
            }

            private void pong(int value) {
                ReturnPathMessage message = new ReturnPathMessage.Pong(value);
                ByteBuffer bytes = ByteBuffer.allocate(message.byteLength());
                message.encode(bytes);
                try {
                    socket.getOutputStream().write(bytes.array());
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }

        private final class Words implements ColoListener {
            @Override
            public void checkpointRequested() {
                say(ColoMessage.CHECKPOINT_REPLY);
            }

            @Override
            public void memoryEnded() {
                // The devices come next.
            }

            @Override
            public void devicesArrived(Bytes deviceBytes) {
                say(ColoMessage.VMSTATE_RECEIVED);
                say(ColoMessage.VMSTATE_LOADED);
            }
        }

        @Override
        public void close() throws IOException {
            server.close();
            socket.close();
        }
    }

    /** The first word is READY; then each checkpoint has three. */
    @ParameterizedTest
    @CsvSource({
        "1, SILENCE, did not say CHECKPOINT_READY within 1500 ms",
        "1, CLOSE, ''",
        "2, SILENCE, did not say CHECKPOINT_REPLY within 1500 ms",
        "2, WRONG, said VMSTATE_SEND where CHECKPOINT_REPLY was due",
        "2, UNKNOWN, the unknown 458752",
        "2, CLOSE, ''",
        "3, SILENCE, did not say VMSTATE_RECEIVED within 1500 ms",
        "3, WRONG, said VMSTATE_LOADED where VMSTATE_RECEIVED was due",
        "3, UNKNOWN, the unknown 458752",
        "3, CLOSE, ''",
        "4, SILENCE, did not say VMSTATE_LOADED within 1500 ms",
        "4, WRONG, said CHECKPOINT_READY where VMSTATE_LOADED was due",
        "4, CLOSE, ''",
        "9, SILENCE, did not say VMSTATE_RECEIVED within 1500 ms",
        "9, CLOSE, ''",
        "2, WROTE_NONSENSE, 'block: expected at most 0, found 7'",
        "5, WROTE_NONSENSE, 'block: expected at most 0, found 7'",
        "2, WROTE_A_PART, did not say CHECKPOINT_REPLY within 1500 ms"
    })
    void thePrimarysGuestGoesOn(int wrongWord, Instead instead, String sentence) throws Exception {
        CountingGuest.Census census = new CountingGuest.Census();
        try (CountingGuest guest = CountingGuest.byDowncalls(UUID.randomUUID(), census);
                FileLockArbiter token = new FileLockArbiter(directory);
                ScriptedSecondary secondary = new ScriptedSecondary(wrongWord, instead)) {
            RunControl run = new RunControl(guest, token, RunState.PRELAUNCH);
            try (Migrator primary = new Migrator(guest, run)) {
                primary.setParameters(MigrationParameters.DEFAULTS
                        .with(MigrationParameter.MAX_BANDWIDTH, 0)
                        .with(MigrationParameter.HANDOVER_TIMEOUT, 1500)
                        .with(MigrationParameter.CONNECT_TIMEOUT, 5000)
                        .with(MigrationParameter.CHECKPOINT_DELAY, 2));
                primary.setCapability(Capability.X_COLO, true);
                run.cont();
                primary.migrate(secondary.uri());
                assertThat(primary.awaitEnd(Pair.PATIENCE)).isTrue();
                assertThat(primary.statistics().status())
                        .as(primary.statistics().toString())
                        .isEqualTo(wrongWord == 1 ? MigrationStatus.FAILED : MigrationStatus.COMPLETED);
                assertThat(primary.statistics().owner()).contains(GuestOwner.HERE);
                assertThat(primary.statistics().toString()).contains(sentence);
                assertThat(run.state()).isEqualTo(RunState.RUNNING);
                assertThat(token.held()).isTrue();
                assertThat(guest.world.isHolding()).isFalse();
                Pair.assertCountsOn(guest);
                assertThat(guest.mismatches.get()).isZero();
            } finally {
                run.shutdown();
            }
        }
    }
}
