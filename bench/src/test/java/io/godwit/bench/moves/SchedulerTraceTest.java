// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.bench.moves.SchedulerTrace.Wait;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SchedulerTraceTest {
    @Test
    void whereSeveralThreadsWaitAtOnceTheTimeCountsOnce() {
        List<Wait> waits = List.of(new Wait(40, 70), new Wait(10, 30), new Wait(20, 50), new Wait(25, 28));
        assertThat(SchedulerTrace.coveredNanos(waits, 0, 100)).isEqualTo(60);
    }

    private static String waking(String micros) {
        return "  x-1 [000] d... 7." + micros + ": sched_waking: comm=asker pid=5 prio=120 target_cpu=001";
    }

    private static String change(String micros, int before, String state, int after) {
        return "  x-1 [001] d... 7." + micros + ": sched_switch: prev_comm=a prev_pid=" + before
                + " prev_prio=120 prev_state=" + state + " ==> next_comm=b next_pid=" + after + " next_prio=120";
    }

    @Test
    void aThreadWaitsFromItsWakingOrFromWhereItWasTakenOffUntilItRuns() {
        assertThat(SchedulerTrace.waits(Stream.of(
                        "# tracer: nop",
                        waking("000100"),
                        change("000130", 0, "R", 5),
                        change("000150", 5, "R+", 9),
                        change("000190", 9, "S", 5))))
                .containsExactly(waited(100, 130), waited(150, 190));
    }

    @Test
    void whoIsWokenWhileItRunsAndThenSleepsHasNotWaited() {
        assertThat(SchedulerTrace.waits(Stream.of(
                        change("000100", 0, "R", 5),
                        waking("000110"),
                        change("000120", 5, "S", 0),
                        waking("000900"),
                        change("000905", 0, "R", 5))))
                .containsExactly(waited(900, 905));
    }

    private static Wait waited(long beginMicros, long endMicros) {
        long second = 7_000_000_000L;
        return new Wait(second + beginMicros * 1000, second + endMicros * 1000);
    }

    @Test
    void onlyWhatIsWithinTheSpanCounts() {
        List<Wait> waits = List.of(new Wait(0, 15), new Wait(18, 19), new Wait(90, 120), new Wait(200, 300));
        assertThat(SchedulerTrace.coveredNanos(waits, 10, 100)).isEqualTo(5 + 1 + 10);
        assertThat(SchedulerTrace.coveredNanos(waits, 0, 1000)).isEqualTo(15 + 1 + 30 + 100);
        assertThat(SchedulerTrace.coveredNanos(waits, 120, 200)).isZero();
        assertThat(SchedulerTrace.coveredNanos(List.of(), 0, 100)).isZero();
    }
}
