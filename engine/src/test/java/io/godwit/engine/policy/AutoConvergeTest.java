// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How much of its time a guest loses that dirties more than can be sent. */
class AutoConvergeTest {
    private static final long SENT = 1_000_000;

    private final AutoConverge autoConverge = new AutoConverge();
    private MigrationParameters parameters = MigrationParameters.DEFAULTS;

    private static ThrottlePolicy.Period passOf(long dirtiedBytes) {
        return new ThrottlePolicy.Period(1_000_000_000, dirtiedBytes, SENT, true);
    }

    private List<Integer> after(int percent, long dirtied, int periods) {
        List<Integer> steps = new ArrayList<>();
        int now = percent;
        for (int i = 0; i < periods; i++) {
            now = autoConverge.judge(now, passOf(dirtied), parameters);
            steps.add(now);
        }
        return steps;
    }

    @Test
    void twicePastTheThresholdIsOneStep() {
        assertThat(after(0, SENT, 6)).containsExactly(0, 20, 20, 30, 30, 40);
    }

    @Test
    void twiceNeedNotBeInARowAsAtQemu() {
        assertThat(autoConverge.judge(0, passOf(SENT), parameters)).isZero();
        assertThat(after(0, SENT / 10, 5)).containsOnly(0);
        assertThat(autoConverge.judge(0, passOf(SENT), parameters)).isEqualTo(20);
        assertThat(autoConverge.judge(20, passOf(SENT), parameters))
                .as("each step begins to count anew")
                .isEqualTo(20);
    }

    @Test
    void aStepDownBeginsToCountAnewToo() {
        assertThat(autoConverge.judge(50, passOf(SENT), parameters)).isEqualTo(50);
        assertThat(after(50, SENT / 100, 2)).containsExactly(50, 40);
        assertThat(autoConverge.judge(40, passOf(SENT), parameters)).isEqualTo(40);
        assertThat(autoConverge.judge(40, passOf(SENT), parameters)).isEqualTo(50);
    }

    @Test
    void itIsInAHurryUntilAPeriodGivesNoReasonToChangeAnything() {
        assertThat(autoConverge.isInHurry()).as("nothing is known yet").isTrue();
        List<Integer> _ = after(0, SENT, 1);
        assertThat(autoConverge.isInHurry()).as("one more and it goes up").isTrue();
        List<Integer> _ = after(80, SENT * 3 / 10, 1);
        assertThat(autoConverge.isInHurry()).as("it stays").isFalse();
        List<Integer> _ = after(80, SENT / 100, 1);
        assertThat(autoConverge.isInHurry()).as("one more and it goes down").isTrue();
    }

    @Test
    void theThresholdIsAShareOfWhatWasSent() {
        assertThat(after(0, SENT / 2, 4)).containsExactly(0, 0, 0, 0);
        assertThat(after(0, SENT / 2 + 1, 2)).containsExactly(0, 20);
        parameters = parameters.with(MigrationParameter.THROTTLE_TRIGGER_THRESHOLD, 100);
        assertThat(after(0, SENT, 2)).containsExactly(0, 0);
    }

    @Test
    void itEndsAtTheMost() {
        parameters = parameters.with(MigrationParameter.MAX_CPU_THROTTLE, 45);
        assertThat(after(0, SENT, 10)).endsWith(45, 45, 45);
    }

    @Test
    void tailslowTakesNoMoreThanSeemsNeeded() {
        parameters = parameters.with(MigrationParameter.CPU_THROTTLE_TAILSLOW, 1);
        // A twentieth more than allowed: of the 40 percent that are left to the guest, it has to lose 2.
        assertThat(after(60, SENT / 2 * 21 / 20, 2).getLast()).isEqualTo(61);
        assertThat(after(60, 10 * SENT, 2).getLast()).as("no more than a step").isEqualTo(70);
    }

    @Test
    void itComesDownWhenTheGuestWouldKeepBelowTheThresholdAnyway() {
        assertThat(after(50, SENT / 100, 8)).containsExactly(50, 40, 40, 30, 30, 20, 20, 0);
    }

    @Test
    void itStaysWhereOneStepLessWouldBeTooLittle() {
        // At 80 percent 0.3 of what is sent: at 70 it would be 0.45, more than 0.8 of the threshold.
        assertThat(after(80, SENT * 3 / 10, 6)).containsOnly(80);
    }

    @Test
    void qemuNeverComesDown() {
        AutoConverge qemu = AutoConverge.ofQemu();
        for (int i = 0; i < 6; i++) {
            assertThat(qemu.judge(50, passOf(SENT / 100), parameters)).isEqualTo(50);
        }
    }

    /**
     * What it rewrites in the beginning of a pass is mostly still to be sent, so that even a guest that is far too fast
     * seems slow.
     */
    @Test
    void withinAPassNothingIsGivenBack() {
        AutoConverge autoConverge = new AutoConverge();
        ThrottlePolicy.Period within = new ThrottlePolicy.Period(1_000_000_000, 0, SENT, false);
        for (int i = 0; i < 5; i++) {
            assertThat(autoConverge.judge(50, within, parameters)).isEqualTo(50);
            assertThat(autoConverge.isInHurry())
                    .as("nor is it a reason to wait")
                    .isTrue();
        }
        assertThat(autoConverge.judge(50, passOf(0), parameters)).isEqualTo(50);
        assertThat(autoConverge.judge(50, passOf(0), parameters)).isEqualTo(40);
    }
}
