// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.godwit.engine.MigrationParameter;
import io.godwit.engine.MigrationParameters;
import io.godwit.engine.MonotonicClock;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.memory.RamBlock;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Who writes more than his share, pays; nobody else does. */
class DirtyLimitTest {
    private static final long SECOND = 1_000_000_000;
    private static final long SENT_PAGES = 10_000;

    private final DirtyLimit limit = new DirtyLimit();
    private final Idle vcpus = new Idle();
    private MigrationParameters parameters = MigrationParameters.DEFAULTS;
    private final Throttle throttle = new Throttle(vcpus, () -> parameters, MonotonicClock.SYSTEM);

    private static final class Idle implements Vcpus {
        private final int[] percent = new int[3];

        @Override
        public int count() {
            return percent.length;
        }

        @Override
        public void pause(Duration deadline) {}

        @Override
        public void resume() {}

        @Override
        public void throttle(int vcpu, int wanted) {
            percent[vcpu] = wanted;
        }
    }

    /** A second in which vCPUs wrote as they would with all of their time, less what was taken from them. */
    private int[] second(long... wantedPages) {
        long[] pages = new long[wantedPages.length];
        Arrays.setAll(pages, vcpu -> wantedPages[vcpu] * (100 - throttle.percent(vcpu)) / 100);
        limit.judge(
                new ThrottlePolicy.Period(
                        SECOND, Arrays.stream(pages).sum() * RamBlock.PAGE_BYTES, SENT_PAGES * RamBlock.PAGE_BYTES),
                pages,
                throttle,
                parameters);
        return vcpus.percent.clone();
    }

    @Test
    void onlyTheWriterPays() {
        assertThat(second(40_000, 100, 0)).as("once is not twice").containsExactly(0, 0, 0);
        // 5,000 pages may be dirtied, 100 of them belong to the second.
        assertThat(second(40_000, 100, 0)).containsExactly(88, 0, 0);
        assertThat(second(40_000, 100, 0)).as("it is steady").containsExactly(88, 0, 0);
    }

    @Test
    void twiceNeedNotBeInARow() {
        assertThat(second(40_000, 100, 0)).containsExactly(0, 0, 0);
        assertThat(second(100, 100, 0)).containsExactly(0, 0, 0);
        assertThat(second(40_000, 100, 0)).containsExactly(88, 0, 0);
    }

    @Test
    void itIsGivenBackWhenTheWriterRests() {
        second(40_000, 40_000, 0);
        assertThat(second(40_000, 40_000, 0)).containsExactly(94, 94, 0);
        assertThat(second(40_000, 500, 0)).containsExactly(89, 0, 0);
        assertThat(second(1_000, 500, 0)).containsExactly(0, 0, 0);
    }

    @Test
    void nobodyIsLeftLessThanTheLeast() {
        parameters = parameters.with(MigrationParameter.VCPU_DIRTY_LIMIT, 100);
        second(51_200, 0, 0);
        // 100 MiB/s are 25,600 pages, half of what it writes.
        assertThat(second(51_200, 0, 0)).containsExactly(50, 0, 0);
    }

    @Test
    void nobodyLosesMoreThanIsAllowed() {
        parameters = parameters.with(MigrationParameter.MAX_GUEST_SLOWDOWN, 40);
        second(40_000, 0, 0);
        assertThat(second(40_000, 0, 0)).containsExactly(40, 0, 0);
    }

    @Test
    void theShareGoesToThoseWhoWantIt() {
        assertThat(DirtyLimit.share(new double[] {10, 100, 1}, 61)).isCloseTo(50, within(1e-9));
        assertThat(DirtyLimit.share(new double[] {30, 30, 30}, 30)).isCloseTo(10, within(1e-9));
        assertThat(DirtyLimit.share(new double[] {1, 1}, 10)).isEqualTo(Double.MAX_VALUE);
    }
}
