// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class HeartbeatTest {
    private static final long TICK = 100_000;
    private static final long START = 5_000_000_000L;

    private final Heartbeat heartbeat = new Heartbeat();

    @Test
    void nothingIsKnownBeforeTheFirstBeat() {
        assertThat(heartbeat.lastNanos()).isEmpty();
        assertThat(heartbeat.firstAfter(0)).isEmpty();
        assertThat(heartbeat.longestGap(START, START + 7)).isEqualTo(7);
    }

    @Test
    void longestGapIsTheOneInItsWindowOnly() {
        beat(START, START + 1_000_000_000L);
        long pauseEnd = START + 1_000_000_000L + 7_000_000;
        beat(pauseEnd, pauseEnd + 2_000_000_000L);
        assertThat(heartbeat.longestGap(START, pauseEnd + TICK)).isEqualTo(7_000_000 + TICK);
        assertThat(heartbeat.longestGap(START, START + 900_000_000)).isEqualTo(TICK);
        assertThat(heartbeat.longestGap(pauseEnd + 20_000_000, pauseEnd + 1_000_000_000))
                .isEqualTo(TICK);
    }

    @Test
    void gapAroundTheWholeTimeAskedForCounts() {
        beat(START, START + 10 * TICK);
        long end = START + 9 * TICK + 400_000_000;
        beat(end, end + 10 * TICK);
        assertThat(heartbeat.longestGap(START + 100_000_000, START + 200_000_000))
                .isEqualTo(400_000_000);
    }

    @Test
    void gapThatIsStillOpenCountsAsFarAsTheTimeAskedFor() {
        beat(START, START + 10 * TICK);
        long last = heartbeat.lastNanos().orElseThrow();
        assertThat(heartbeat.longestGap(START, last + 3_000_000)).isEqualTo(3_000_000);
    }

    @Test
    void firstBeatAfterPauseIsExact() {
        beat(START, START + 50 * TICK);
        long last = heartbeat.lastNanos().orElseThrow();
        long resumed = last + 2_000_000;
        beat(resumed, resumed + 500_000_000);
        assertThat(heartbeat.firstAfter(last + 1)).hasValue(resumed);
        assertThat(heartbeat.firstAfter(0)).hasValue(START);
        assertThat(heartbeat.firstAfter(resumed + 600_000_000)).isEmpty();
    }

    @Test
    void longHistoryForgetsOnlyOldGaps() {
        long end = START + 2 * Heartbeat.HISTORY_NANOS;
        for (long now = START; now < end; now += 5_000_000) {
            heartbeat.beat(now);
        }
        assertThat(heartbeat.longestGap(START, end)).isEqualTo(5_000_000);
        assertThat(heartbeat.firstNanos()).hasValue(START);
    }

    @Test
    void guestIsAsSlowAsItsSlowestVcpu() {
        HeartbeatMonitor monitor = new HeartbeatMonitor(2);
        monitor.vcpus().get(0).beat(START);
        assertThat(monitor.firstBeatNanos()).isEmpty();
        monitor.vcpus().get(1).beat(START + 5);
        monitor.vcpus().get(0).beat(START + 9);
        assertThat(monitor.firstBeatNanos()).hasValue(START + 5);
        assertThat(monitor.lastBeatNanos()).hasValue(START + 5);
        assertThat(monitor.firstBeatAfter(START + 1)).isPresent();
        assertThat(monitor.count()).isEqualTo(3);
    }

    @Test
    void heldBeatsAreHeardWhenTheirEpochIsReleased() {
        beat(START, START + TICK);
        long before = heartbeat.count();
        heartbeat.held().hold();
        heartbeat.beat(START + 2 * TICK);
        heartbeat.beat(START + 3 * TICK);
        heartbeat.held().closeEpoch(1);
        heartbeat.beat(START + 4 * TICK);
        heartbeat.held().closeEpoch(2);
        heartbeat.beat(START + 5 * TICK);
        assertThat(heartbeat.count()).isEqualTo(before);
        assertThat(heartbeat.held().count()).isEqualTo(4);
        heartbeat.heard(START + 1000 * TICK, heartbeat.held().release(1));
        assertThat(heartbeat.count()).isEqualTo(before + 2);
        assertThat(heartbeat.lastNanos()).hasValue(START + 1000 * TICK);
        heartbeat.heard(START + 1001 * TICK, heartbeat.held().end());
        assertThat(heartbeat.count()).isEqualTo(before + 4);
        heartbeat.beat(START + 1002 * TICK);
        assertThat(heartbeat.count()).isEqualTo(before + 5);
        assertThat(heartbeat.longestGap(START, START + 1002 * TICK)).isGreaterThanOrEqualTo(990 * TICK);
    }

    @Test
    void moreHeldEpochsThanAreKeptApartLoseNoBeat() {
        heartbeat.held().hold();
        for (int epoch = 1; epoch <= 200; epoch++) {
            heartbeat.beat(START + epoch * TICK);
            heartbeat.held().closeEpoch(epoch);
        }
        long early = heartbeat.held().release(100);
        assertThat(early).isLessThanOrEqualTo(100);
        assertThat(early + heartbeat.held().release(200)).isEqualTo(200);
    }

    private void beat(long from, long to) {
        for (long now = from; now < to; now += TICK) {
            heartbeat.beat(now);
        }
    }
}
