// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Frames on the compare connection have these bytes, others end it with a sentence, and so does silence. */
final class CompareConnectionTest {
    private static final long LONG_MILLIS = 60_000;
    /** Of a request with one byte. */
    private static final int FRAME_BYTES = 22;

    private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    private final Semaphore caughtUp = new Semaphore(0);
    private final Pipe pipe = new Pipe();

    private final CompareConnection.Listener listener = new CompareConnection.Listener() {
        @Override
        public void request(long number, byte[] content) {
            heard.add("request " + number + " " + HexFormat.of().formatHex(content));
        }

        @Override
        public void answer(long generation, long number, byte[] content) {
            heard.add(
                    "answer " + generation + " " + number + " " + HexFormat.of().formatHex(content));
        }

        @Override
        public void caughtUp() {
            caughtUp.release();
        }

        @Override
        public void lost(MigrationException.Transport why) {
            heard.add("lost: " + why.getMessage());
        }
    };

    /** A wire of which the test has the other end; nobody takes what is written where {@code takesNothing}. */
    private static final class Pipe implements Channel {
        final BlockingQueue<byte[]> toUs = new LinkedBlockingQueue<>();
        final BlockingQueue<byte[]> fromUs = new LinkedBlockingQueue<>();
        final CountDownLatch aborted = new CountDownLatch(1);
        volatile boolean takesNothing;
        volatile String reason = "";

        @Override
        public void write(IoVector vector) {
            throw new AssertionError("not used");
        }

        @Override
        public void write(NativeMemory memory, long offset, int length) {
            if (takesNothing) {
                try {
                    aborted.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                throw new MigrationException.Transport(reason);
            }
            byte[] bytes = new byte[length];
            memory.copyTo(offset, bytes, 0, length);
            fromUs.add(bytes);
        }

        @Override
        public int read(NativeMemory memory, long offset, int length, long timeoutNanos) {
            try {
                long left = timeoutNanos;
                while (left > 0 && aborted.getCount() > 0) {
                    long step = Math.min(left, 1_000_000);
                    byte[] bytes = toUs.poll(step, TimeUnit.NANOSECONDS);
                    if (bytes != null) {
                        memory.buffer(offset, length).put(bytes);
                        return bytes.length == 0 ? -1 : bytes.length;
                    }
                    left -= step;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            if (aborted.getCount() == 0) {
                throw new MigrationException.Transport(reason);
            }
            return 0;
        }

        @Override
        public void pause(long nanos) {
            throw new AssertionError("not used");
        }

        @Override
        public void abort(String why) {
            reason = reason.isEmpty() ? why : reason;
            aborted.countDown();
        }

        @Override
        public boolean isBidirectional() {
            return true;
        }

        @Override
        public String peer() {
            return "the other side";
        }

        @Override
        public void finish() {
            throw new AssertionError("not used");
        }

        @Override
        public void close() {
            aborted.countDown();
        }
    }

    private static byte[] hex(String bytes) {
        return HexFormat.of().parseHex(bytes.replace(" ", ""));
    }

    private CompareConnection start(long timeoutMillis) {
        CompareConnection connection = new CompareConnection(pipe, listener, timeoutMillis, Environment.SYSTEM);
        connection.start(Environment.SYSTEM);
        return connection;
    }

    private String next() throws InterruptedException {
        return String.valueOf(heard.poll(20, TimeUnit.SECONDS));
    }

    private byte[] written() throws InterruptedException {
        byte[] bytes = pipe.fromUs.poll(20, TimeUnit.SECONDS);
        return bytes == null ? new byte[0] : bytes;
    }

    @Test
    void theGreetingHasTheseBytes() throws Exception {
        CompareWire.Greeting greeting = new CompareWire.Greeting(new UUID(1, 2), new UUID(3, 4), 1000);
        CompareConnection.greet(pipe, greeting);
        byte[] bytes = written();
        assertThat(bytes)
                .isEqualTo(
                        hex("4757434f 0000000000000001 0000000000000002 0000000000000003 0000000000000004 000003e8"));
        assertThat(CompareWire.isGreeting(ByteBuffer.wrap(bytes))).isTrue();
        assertThat(CompareWire.isGreeting(ByteBuffer.wrap(hex("5145564d")))).isFalse();
        assertThat(CompareWire.isGreeting(ByteBuffer.wrap(hex("475743")))).isFalse();
        for (byte one : bytes) {
            pipe.toUs.add(new byte[] {one});
        }
        assertThat(CompareConnection.readGreeting(pipe, 20_000_000_000L)).isEqualTo(greeting);
    }

    @Test
    void aGreetingThatEndsIsNone() {
        pipe.toUs.add(hex("4757434f"));
        pipe.toUs.add(new byte[0]);
        assertThatThrownBy(() -> CompareConnection.readGreeting(pipe, 20_000_000_000L))
                .isInstanceOf(MigrationException.Transport.class)
                .hasMessageContaining("did not say for which guest");
    }

    @ParameterizedTest
    @ValueSource(strings = {"00000000", "80000000", "7fffffff"})
    void aGreetingWhoseTimeoutIsNoneIsRefused(String millis) {
        pipe.toUs.add(hex("4757434f 0000000000000001 0000000000000002 0000000000000003 0000000000000004" + millis));
        assertThatThrownBy(() -> CompareConnection.readGreeting(pipe, 20_000_000_000L))
                .isInstanceOf(MigrationException.Protocol.class)
                .hasMessageContaining("which is no time-out");
    }

    @Test
    void requestAndAnswerHaveTheseBytes() throws Exception {
        try (CompareConnection connection = start(LONG_MILLIS)) {
            connection.request(5, hex("0102"));
            assertThat(written()).isEqualTo(hex("01 0000000000000000 0000000000000005 00000002 0102"));
            connection.answer(7, 9, hex("03"));
            assertThat(written()).isEqualTo(hex("02 0000000000000007 0000000000000009 00000001 03"));
        }
    }

    @Test
    void whoHasNothingToSaySendsBeats() throws Exception {
        try (CompareConnection _ = start(5000)) {
            assertThat(written()).isEqualTo(hex("00 0000000000000000 0000000000000000 00000000"));
            assertThat(written()).isEqualTo(hex("00 0000000000000000 0000000000000001 00000000"));
        }
    }

    @Test
    void framesAreHeardInAnyPieces() throws Exception {
        byte[] frames = hex("00 0000000000000000 0000000000000007 00000000"
                + "01 0000000000000000 0000000000000005 00000002 0102"
                + "02 0000000000000007 0000000000000009 00000001 03");
        try (CompareConnection _ = start(LONG_MILLIS)) {
            pipe.toUs.add(frames);
            assertThat(next()).isEqualTo("request 5 0102");
            assertThat(next()).isEqualTo("answer 7 9 03");
            for (byte one : frames) {
                pipe.toUs.add(new byte[] {one});
            }
            assertThat(next()).isEqualTo("request 5 0102");
            assertThat(next()).isEqualTo("answer 7 9 03");
        }
        assertThat(heard).as("after close").isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "03 0000000000000000 0000000000000001 00000000, unknown type 3",
        "ff 0000000000000000 0000000000000001 00000000, unknown type -1",
        "01 0000000000000000 0000000000000001 00010001, 65537 bytes; the most are 65536",
        "01 0000000000000000 0000000000000001 ffffffff, 4294967295 bytes; the most are 65536"
    })
    void whatIsNoFrameEndsItWithASentence(String bytes, String sentence) throws Exception {
        try (CompareConnection _ = start(LONG_MILLIS)) {
            pipe.toUs.add(hex(bytes));
            assertThat(next()).startsWith("lost: ").contains(sentence);
        }
        assertThat(heard).isEmpty();
    }

    @Test
    void theOtherSidesEndIsHeardOnce() throws Exception {
        try (CompareConnection _ = start(LONG_MILLIS)) {
            pipe.toUs.add(new byte[0]);
            assertThat(next()).isEqualTo("lost: the other side closed the compare connection");
        }
        assertThat(heard).isEmpty();
    }

    @Test
    void silenceIsALoss() throws Exception {
        try (CompareConnection _ = start(100)) {
            assertThat(next()).isEqualTo("lost: the other side has said nothing for 100 ms");
        }
        assertThat(heard).isEmpty();
    }

    /** Nobody who speaks waits for it: what is left for it has a limit, and it is lost then. */
    @Test
    void aSideThatTakesNothingIsLostAndHoldsNobodyUp() throws Exception {
        pipe.takesNothing = true;
        try (CompareConnection connection = start(LONG_MILLIS)) {
            byte[] most = new byte[CompareWire.MAX_CONTENT_BYTES];
            for (int number = 1; number <= 200; number++) {
                connection.request(number, most);
            }
            assertThat(next()).isEqualTo("lost: the other side takes too little: 8388608 bytes wait for it");
        }
        assertThat(heard).isEmpty();
    }

    /** A request goes with what follows as long as the other guest has enough before it, but not for ever. */
    @Test
    void aRequestWithoutFollowersGoesByItself() throws Exception {
        try (CompareConnection connection = start(10 * LONG_MILLIS)) {
            int written = 0;
            for (int number = 1; number <= 100; number++) {
                connection.request(number, hex("01"));
            }
            while (written < 100 * FRAME_BYTES) {
                written += written().length;
            }
            connection.request(101, hex("01"));
            assertThat(written()).hasSize(FRAME_BYTES);
        }
    }

    @Test
    void whatComesTogetherIsCaughtUpWithOnce() throws Exception {
        try (CompareConnection _ = start(LONG_MILLIS)) {
            pipe.toUs.add(hex(
                    "02 0000000000000000 0000000000000001 00000000" + "02 0000000000000000 0000000000000002 00000000"));
            assertThat(next()).isEqualTo("answer 0 1 ");
            assertThat(next()).isEqualTo("answer 0 2 ");
            assertThat(caughtUp.tryAcquire(20, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(caughtUp.availablePermits()).isZero();
    }

    @Test
    void moreThanAFrameHoldsIsRefused() {
        try (CompareConnection connection = start(LONG_MILLIS)) {
            assertThatThrownBy(() -> connection.request(1, new byte[CompareWire.MAX_CONTENT_BYTES + 1]))
                    .hasMessageContaining("65537");
        }
    }
}
