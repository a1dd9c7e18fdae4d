// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.VcpuTime;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Whatever a policy wants, nobody loses more than is allowed. */
class MigrationThrottleTest {
    private final Idle vcpus = new Idle();
    private MigrationParameters parameters =
            MigrationParameters.DEFAULTS.with(MigrationParameter.MAX_GUEST_SLOWDOWN, 40);
    private final VcpuTime time = new VcpuTime(vcpus, () -> parameters);
    private final MigrationThrottle throttle = throttle();

    private MigrationThrottle throttle() {
        return new MigrationThrottle(time.taker(), MonotonicClock.SYSTEM);
    }

    private static final class Idle implements Vcpus {
        private final int[] percent = new int[3];
        private long[] throttled = {};

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

        @Override
        public long[] throttledNanos() {
            return throttled.clone();
        }
    }

    @Test
    void nobodyLosesMoreThanIsAllowed() {
        throttle.set(new int[] {88, 20, 0});
        assertThat(vcpus.percent).containsExactly(40, 20, 0);
        assertThat(throttle.percent()).isEqualTo(40);
        throttle.setAll(0);
        assertThat(vcpus.percent).containsExactly(0, 0, 0);
        assertThat(throttle.highestPercent()).isEqualTo(40);
    }

    @Test
    void whatIsAllowedFromNowOnHoldsForWhatWasWantedBefore() {
        throttle.set(new int[] {88, 20, 0});
        allow(60);
        assertThat(vcpus.percent).containsExactly(60, 20, 0);
        assertThat(throttle.percents()).containsExactly(60, 20, 0);
        allow(10);
        assertThat(vcpus.percent).containsExactly(10, 10, 0);
        assertThat(throttle.averagePercent()).isEqualTo(7);
        assertThat(throttle.highestPercent()).isEqualTo(60);
    }

    private void allow(int percent) {
        parameters = parameters.with(MigrationParameter.MAX_GUEST_SLOWDOWN, percent);
        time.parametersChanged();
    }

    @Test
    void whatWasTakenIsMeasuredWhereThatCanBe() {
        throttle.set(new int[] {30, 15, 0});
        assertThat(throttle.averagePercent()).isEqualTo(15);
        assertThat(throttle.takenShare(100)).as("as it is wanted").isEqualTo(0.15);
        vcpus.throttled = new long[] {1000, 0, 2000};
        MigrationThrottle measured = throttle();
        measured.set(new int[] {30, 15, 0});
        vcpus.throttled = new long[] {1050, 10, 2000};
        assertThat(measured.takenShare(100)).as("60 of 300").isEqualTo(0.2);
        assertThat(measured.takenShare(100)).as("nothing since").isZero();
        vcpus.throttled = new long[] {2050, 1010, 3000};
        assertThat(measured.takenShare(100)).as("no more than all").isEqualTo(1);
    }
}
