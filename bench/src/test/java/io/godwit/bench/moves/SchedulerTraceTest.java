// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.bench.moves.SchedulerTrace.Wait;
import java.util.List;
import org.junit.jupiter.api.Test;

class SchedulerTraceTest {
    @Test
    void whereSeveralThreadsWaitAtOnceTheTimeCountsOnce() {
        List<Wait> waits = List.of(new Wait(40, 70), new Wait(10, 30), new Wait(20, 50), new Wait(25, 28));
        assertThat(SchedulerTrace.coveredNanos(waits, 0, 100)).isEqualTo(60);
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
