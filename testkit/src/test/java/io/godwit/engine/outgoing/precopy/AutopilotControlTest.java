// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.forecast.Autopilot.Choice;
import io.godwit.engine.guest.VcpuTime;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.testkit.guest.StillGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How the choices of a forecast, which may change from one moment to the next, become what is done. */
class AutopilotControlTest {
    private final StillGuest guest = new StillGuest(1 << 16, 2);
    private final PostcopyTrigger trigger = new PostcopyTrigger(true, () -> MigrationParameters.DEFAULTS);
    private final MigrationThrottle throttle = new MigrationThrottle(
            new VcpuTime(guest, () -> MigrationParameters.DEFAULTS).taker(), MonotonicClock.SYSTEM);
    private final AutopilotControl autopilot = new AutopilotControl(throttle, trigger);

    @AfterEach
    void close() {
        guest.close();
    }

    private void choose(int... percents) {
        for (int percent : percents) {
            autopilot.steer(new Choice(percent, false, ""));
        }
    }

    private void choosePostcopy() {
        autopilot.steer(new Choice(0, true, ""));
    }

    @Test
    void moreIsTakenAtOnce() {
        choose(30);
        assertThat(guest.percents()).containsExactly(30, 30);
        choose(31);
        assertThat(guest.percents()).containsExactly(31, 31);
    }

    @Test
    void lessIsTakenWhenThatWasSeenTwiceInARow() {
        choose(50, 20);
        assertThat(throttle.percent()).isEqualTo(50);
        choose(50, 20);
        assertThat(throttle.percent()).as("not in a row").isEqualTo(50);
        choose(10);
        assertThat(throttle.percent()).isEqualTo(10);
    }

    @Test
    void postcopyBeginsWhenThatWasSeenTwiceInARow() {
        choosePostcopy();
        choose(50);
        choosePostcopy();
        assertThat(trigger.isSettled()).isFalse();
        choosePostcopy();
        assertThat(trigger.isSettled()).isTrue();
        assertThat(throttle.percent()).as("nothing more is changed").isEqualTo(50);
    }
}
