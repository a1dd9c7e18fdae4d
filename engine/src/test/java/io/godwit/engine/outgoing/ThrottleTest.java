// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.MigrationParameter;
import io.godwit.engine.MigrationParameters;
import io.godwit.engine.MonotonicClock;
import io.godwit.engine.guest.Vcpus;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Whatever a policy wants, nobody loses more than is allowed. */
class ThrottleTest {
    private final Idle vcpus = new Idle();
    private final MigrationParameters parameters =
            MigrationParameters.DEFAULTS.with(MigrationParameter.MAX_GUEST_SLOWDOWN, 40);
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

    @Test
    void nobodyLosesMoreThanIsAllowed() {
        throttle.set(new int[] {88, 20, 0});
        assertThat(vcpus.percent).containsExactly(40, 20, 0);
        assertThat(throttle.percent()).isEqualTo(40);
        throttle.setAll(0);
        assertThat(vcpus.percent).containsExactly(0, 0, 0);
        assertThat(throttle.highestPercent()).isEqualTo(40);
    }
}
