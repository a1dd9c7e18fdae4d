// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.postcopy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.Test;

/** How much of the push may be on its way. */
class PushWindowTest {
    private static final long CHUNK = 16 << 10;

    @Test
    void itClosesWhenNobodyAnswersAndOpensWithTheAnswer() {
        PushWindow window = new PushWindow();
        window.pong(window.nextPing(0, 0), 1_000);
        assertThat(window.isPingDue(CHUNK)).isFalse();
        window.sent(CHUNK);
        assertThat(window.isPingDue(CHUNK)).isTrue();
        int ping = window.nextPing(CHUNK, 2_000);
        window.sent(CHUNK);
        for (long sent = 2 * CHUNK; sent < PushWindow.MIN_BYTES; sent += CHUNK) {
            assertThat(window.isOpen()).isTrue();
            window.sent(CHUNK);
        }
        assertThat(window.isOpen()).isFalse();
        assertThat(window.silentNanos(5_000)).isEqualTo(3_000);
        window.pong(ping, 100_000);
        assertThat(window.isOpen()).isTrue();
        assertThat(window.isQuiet()).isTrue();
        assertThat(window.silentNanos(200_000)).isZero();
    }

    @Test
    void onAFastLongWireItGrowsUntilTheWireIsFull() {
        // 4 GB a second, 2 ms there and back: 8 MB are on their way when it is full.
        SimulatedWire wire = new SimulatedWire(4.0, 2_000_000);
        wire.pushFor(500_000_000);
        assertThat(wire.window.windowBytes()).isBetween(8_000_000L, 40_000_000L);
    }

    /** The bound was once made of round trips behind a queue that the bound itself had let grow. */
    @Test
    void onASlowWireItStaysSmallHoweverLongThePushLasts() {
        // 125 MB a second, 0.1 ms there and back: 12.5 KB fill it.
        SimulatedWire wire = new SimulatedWire(0.125, 100_000);
        wire.pushFor(20_000_000_000L);
        assertThat(wire.window.windowBytes()).isLessThan(3 * PushWindow.MIN_BYTES);
        assertThat(wire.longestQueueNanos)
                .as("what a requested page may find before it")
                .isLessThan(3_000_000);
        assertThat(wire.share()).as("share of the wire that is used").isGreaterThan(0.95);
    }

    /**
     * A queue that carries so many bytes a nanosecond, and answers so long after the last byte of a PING has left it.
     */
    private static final class SimulatedWire {
        private final PushWindow window = new PushWindow();
        private final double bytesPerNano;
        private final long roundTripNanos;
        private final Deque<long[]> answers = new ArrayDeque<>();
        private long now;
        private long queueEmptyAt;
        private long longestQueueNanos;
        private long sent;

        private SimulatedWire(double bytesPerNano, long roundTripNanos) {
            this.bytesPerNano = bytesPerNano;
            this.roundTripNanos = roundTripNanos;
        }

        private void pushFor(long nanos) {
            // Behind the package the first answer is slow.
            answers.add(new long[] {window.nextPing(0, now), now + 8 * roundTripNanos});
            while (now < nanos) {
                if (window.isOpen()) {
                    send();
                } else {
                    answer();
                }
                while (!answers.isEmpty() && answers.peek()[1] <= now) {
                    answer();
                }
            }
        }

        private void send() {
            boolean due = window.isPingDue(CHUNK);
            queueEmptyAt = Math.max(queueEmptyAt, now) + (long) (CHUNK / bytesPerNano);
            longestQueueNanos = Math.max(longestQueueNanos, queueEmptyAt - now);
            if (due) {
                answers.add(new long[] {window.nextPing(CHUNK, now), queueEmptyAt + roundTripNanos});
            }
            window.sent(CHUNK);
            sent += CHUNK;
            now += 1_000;
        }

        private void answer() {
            long[] next = answers.remove();
            now = Math.max(now, next[1]);
            window.pong((int) next[0], now);
        }

        private double share() {
            return sent / (now * bytesPerNano);
        }
    }

    @Test
    void aWindowThatShrinksBelowWhatIsOnItsWayOpensAgain() {
        PushWindow window = new PushWindow();
        long now = 0;
        // Fast at first, and the window grows.
        while (window.windowBytes() < 16 * PushWindow.MIN_BYTES) {
            long bytes = 64 * PushWindow.MIN_BYTES;
            int ping = window.nextPing(bytes, now);
            window.sent(bytes);
            now += 6_000_000;
            window.pong(ping, now);
        }
        while (window.isOpen() && !window.isPingDue(CHUNK)) {
            window.sent(CHUNK);
        }
        // Then it hardly moves any more.
        for (int round = 0; round < 100; round++) {
            int ping = window.nextPing(0, now);
            now += 6_000_000;
            window.pong(ping, now);
        }
        assertThat(window.isOpen()).as("no answer is due that could open it").isTrue();
        window.sent(PushWindow.MIN_BYTES);
        assertThat(window.isPingDue(CHUNK)).isTrue();
    }

    @Test
    void answersThatNobodyAskedForAreRefused() {
        PushWindow window = new PushWindow();
        int first = window.nextPing(CHUNK, 0);
        int second = window.nextPing(CHUNK, 0);
        assertThatThrownBy(() -> window.pong(second, 1)).isInstanceOf(MigrationException.Protocol.class);
        window.pong(first, 1);
        window.pong(second, 2);
        assertThatThrownBy(() -> window.pong(second, 3)).isInstanceOf(MigrationException.Protocol.class);
    }
}
