// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RateLimitTest {
    private final AtomicLong now = new AtomicLong(1_000_000_000);

    @Test
    void noLimitNeverWaits() {
        RateLimit limit = new RateLimit(now::get);
        assertThat(limit.sent(1L << 40, 0)).isZero();
        assertThat(limit.sent(1, 1 << 20)).isLessThan(1_000_000);
    }

    @Test
    void theRateIsKeptOverASecond() {
        RateLimit limit = new RateLimit(now::get);
        long start = now.get();
        long bytes = 0;
        while (now.get() - start < 1_000_000_000) {
            bytes += 1 << 20;
            now.addAndGet(limit.sent(1 << 20, 100 << 20));
        }
        assertThat(bytes).isBetween(99L << 20, 102L << 20);
    }

    @Test
    void anIdleTimeSavesUpNoMoreThanTheBurst() {
        RateLimit limit = new RateLimit(now::get);
        now.addAndGet(10_000_000_000L);
        assertThat(limit.sent(1 << 20, 1 << 20)).isEqualTo(1_000_000_000 - RateLimit.BURST_NANOS);
    }

    @Test
    void aChangeOfTheLimitTakesEffectAtOnce() {
        RateLimit limit = new RateLimit(now::get);
        assertThat(limit.sent(10 << 20, 1 << 20)).isGreaterThan(9_000_000_000L);
        assertThat(limit.sent(1, 0)).isZero();
    }

    @Test
    void aRaisedLimitForgivesWhatIsOwedAtTheOldOne() {
        RateLimit limit = new RateLimit(now::get);
        assertThat(limit.sent(10 << 20, 1 << 20)).isGreaterThan(9_000_000_000L);
        assertThat(limit.sent(1 << 20, 100 << 20)).isLessThan(11_000_000);
    }
}
