// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.MigrationException;
import org.junit.jupiter.api.Test;

/** How much of the push may be on its way. */
class PushWindowTest {
    private static final long CHUNK = 64 << 10;

    @Test
    void itClosesWhenNobodyAnswersAndOpensWithTheAnswer() {
        PushWindow window = new PushWindow();
        assertThat(window.isPingDue(CHUNK)).isFalse();
        window.sent(CHUNK);
        assertThat(window.isPingDue(CHUNK)).isTrue();
        int ping = window.nextPing(CHUNK, 0);
        window.sent(CHUNK);
        for (long sent = 2 * CHUNK; sent < PushWindow.MIN_BYTES; sent += CHUNK) {
            assertThat(window.isOpen()).isTrue();
            window.sent(CHUNK);
        }
        assertThat(window.isOpen()).isFalse();
        assertThat(window.silentNanos(5_000)).isEqualTo(5_000);
        window.pong(ping, 100_000);
        assertThat(window.isOpen()).isTrue();
        assertThat(window.isQuiet()).isTrue();
        assertThat(window.silentNanos(200_000)).isZero();
    }

    @Test
    void onAFastLongWireItGrowsUntilTheWireIsFull() {
        PushWindow window = new PushWindow();
        // 4 GB a second, 2 ms there and back: 8 MB are on their way when it is full.
        long now = 0;
        for (int round = 0; round < 30; round++) {
            long bytes = window.windowBytes();
            int ping = window.nextPing(bytes, now);
            window.sent(bytes);
            now += Math.max(2_000_000, bytes / 4);
            window.pong(ping, now);
        }
        assertThat(window.windowBytes()).isBetween(8_000_000L, 40_000_000L);
    }

    @Test
    void aWindowThatShrinksBelowWhatIsOnItsWayOpensAgain() {
        PushWindow window = new PushWindow();
        long now = 0;
        // Answers take long at first, and the window grows.
        while (window.windowBytes() < 16 * PushWindow.MIN_BYTES) {
            long bytes = window.windowBytes();
            int ping = window.nextPing(bytes, now);
            window.sent(bytes);
            now += 20_000_000;
            window.pong(ping, now);
        }
        int last = window.nextPing(0, now);
        long sent = 0;
        while (window.isOpen() && !window.isPingDue(CHUNK)) {
            window.sent(CHUNK);
            sent += CHUNK;
        }
        window.pong(last, now + 1_000);
        assertThat(window.windowBytes()).isLessThan(sent);
        assertThat(window.isOpen()).as("no answer is due that could open it").isTrue();
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
