// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.forecast.Autopilot.Choice;
import io.godwit.engine.forecast.RunningForecast.Judgement;
import io.godwit.engine.forecast.RunningForecast.Steering;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Migrations in virtual time whose passes tell the model what they find. */
class RunningForecastTest {
    private static final double TOTAL_PAGES = 262_144;
    private static final double WIRE = 200e6;
    private static final double PAGES_A_SECOND = WIRE / 4104;

    private static DoubleUnaryOperator sweep(double set, double rate) {
        return seconds -> Math.min(set, rate * seconds);
    }

    private static DoubleUnaryOperator randomWrites(double set, double rate) {
        return seconds -> set * -Math.expm1(-rate * seconds / set);
    }

    /** A guest, a wire, and a migration that makes one step after another. */
    private static final class Course {
        private final RunningForecast forecast;
        private DoubleUnaryOperator guest;
        private MigrationParameters parameters = MigrationParameters.DEFAULTS;
        private boolean postcopyAllowed;
        private double unsent = TOTAL_PAGES;
        private double dirty;
        private double nanos;
        private int percent;
        private int passes;

        Course(Steering steering, DoubleUnaryOperator guest) {
            this.forecast = new RunningForecast((long) (TOTAL_PAGES * 4096), 1, steering);
            this.guest = guest;
            parameters = parameters.with(MigrationParameter.MAX_BANDWIDTH, 0);
        }

        private void send(double seconds, double pages) {
            double written = guest.applyAsDouble(seconds * (1 - percent / 100.0));
            nanos += seconds * 1e9;
            forecast.harvested((long) nanos, (long) (seconds * 1e9), percent / 100.0, (long) written);
            forecast.sent((long) (seconds * 1e9), 0, (long) pages, 0, 0);
            dirty = Math.min(dirty + written, TOTAL_PAGES);
        }

        /** The first pass goes on for so long; then somebody looks into it. */
        Judgement look(double seconds) {
            double pages = PAGES_A_SECOND * seconds;
            send(seconds, pages);
            unsent -= pages;
            return judge();
        }

        /** A pass to its end. */
        Judgement pass() {
            double pages = passes++ == 0 ? unsent : dirty;
            unsent = 0;
            dirty = 0;
            send(Math.max(1e-3, pages / PAGES_A_SECOND), pages);
            return judge();
        }

        Judgement judge() {
            return forecast.judge(now());
        }

        RunningForecast.Now now() {
            return new RunningForecast.Now(
                    (long) nanos,
                    parameters,
                    (long) (unsent + dirty),
                    passes == 0 ? (long) dirty : 0,
                    Estimate.exactly(0),
                    percent,
                    postcopyAllowed,
                    false);
        }

        boolean fits() {
            return dirty / PAGES_A_SECOND * 1e3 <= parameters.downtimeLimitMillis();
        }
    }

    private static Judgement afterHalfASecond(Course course) {
        Judgement last = course.judge();
        for (double seconds : new double[] {0.06, 0.06, 0.12, 0.24}) {
            last = course.look(seconds);
        }
        return last;
    }

    @Test
    void nothingIsSaidOfAMigrationThatHasJustBegun() {
        Outlook outlook = new Course(Steering.NONE, sweep(100, 100)).judge().outlook();
        assertThat(outlook.verdict()).isInstanceOf(Verdict.Uncertain.class);
        assertThat(outlook.leftNanos().isFinite()).isFalse();
        assertThat(outlook.why()).endsWith(".");
    }

    @Test
    void thatItWillNotFinishIsKnownWithinTheFirstSecond() {
        Course course = new Course(Steering.NONE, sweep(200_000, 2 * PAGES_A_SECOND));
        Outlook outlook = afterHalfASecond(course).outlook();
        assertThat(outlook.verdict()).as(outlook.why()).isInstanceOf(Verdict.WillNotFinish.class);
        assertThat(outlook.help())
                .hasValueSatisfying(help -> assertThat(help).contains("auto-converge", "autopilot", "postcopy-ram"));
    }

    @ParameterizedTest
    @CsvSource({"100, 1000", "8192, 20000", "100000, 5000"})
    void thatItWillFinishIsKnownWithinTheFirstSecondAndWhen(double set, double rate) {
        Course course = new Course(Steering.NONE, randomWrites(set, rate));
        Outlook early = afterHalfASecond(course).outlook();
        assertThat(early.verdict()).as(early.why()).isEqualTo(new Verdict.WillFinish());
        double toldAt = course.nanos;
        for (int i = 0; i < 50; i++) {
            Judgement _ = course.pass();
        }
        assertThat(course.fits()).isTrue();
        double firstPass = TOTAL_PAGES / PAGES_A_SECOND * 1e9;
        assertThat(early.leftNanos().high()).isGreaterThan(firstPass - toldAt);
        assertThat(early.leftNanos().best()).isLessThan(1.5 * firstPass);
        assertThat(early.downtimeNanos().best()).isLessThan(100e6);
    }

    /** The autopilot's choice is obeyed; the passes end. */
    @ParameterizedTest
    @CsvSource({"200000, 2, sweep", "200000, 6, sweep", "100000, 3, random", "250000, 1.2, random"})
    void theAutopilotTakesEnoughAtOnceAndNotMuchMore(double set, double timesTheWire, String order) {
        double rate = timesTheWire * PAGES_A_SECOND;
        Course course =
                new Course(Steering.AUTOPILOT, order.equals("sweep") ? sweep(set, rate) : randomWrites(set, rate));
        Judgement _ = afterHalfASecond(course);
        Judgement judgement = course.pass();
        int first = judgement.choice().orElseThrow().percent();
        assertThat(first).isBetween(1, 99);
        double needed = 100 * (1 - 1 / timesTheWire);
        assertThat((double) first).as("not much more than needed").isLessThan(needed + 0.7 * (100 - needed));
        for (int i = 0; i < 40 && !course.fits(); i++) {
            course.percent = judgement.choice().orElseThrow().percent();
            judgement = course.pass();
        }
        assertThat(course.fits()).as("dirty: %s, %s", course.dirty, judgement).isTrue();
        assertThat(course.passes).isLessThan(30);
    }

    @Test
    void theAutopilotGivesBackWhatIsNotNeededAnyMore() {
        Course course = new Course(Steering.AUTOPILOT, sweep(200_000, 3 * PAGES_A_SECOND));
        course.percent = course.pass().choice().orElseThrow().percent();
        assertThat(course.percent).isPositive();
        course.guest = sweep(1_000, 1_000);
        course.nanos += 120e9;
        Choice later = course.pass().choice().orElseThrow();
        assertThat(later.percent()).as(later.sentence()).isZero();
    }

    /** What was plugged in is written to as well: more than there was before, and more than the wire carries. */
    @Test
    void memoryThatComesCounts() {
        double more = 8 * TOTAL_PAGES;
        Course course = new Course(Steering.NONE, sweep(more, 2 * PAGES_A_SECOND));
        course.forecast.resize((long) (more * 4096));
        double seconds = more / PAGES_A_SECOND;
        course.unsent = 0;
        double written = course.guest.applyAsDouble(seconds);
        course.nanos += seconds * 1e9;
        course.forecast.harvested((long) course.nanos, (long) (seconds * 1e9), 0, (long) written);
        course.forecast.sent((long) (seconds * 1e9), 0, (long) more, 0, 0);
        course.dirty = written;
        assertThat(course.judge().outlook().why()).contains("dirties 8192.0 MiB again");
    }

    @Test
    void whatIsAllowedBoundsTheAutopilot() {
        Course course = new Course(Steering.AUTOPILOT, sweep(200_000, 3 * PAGES_A_SECOND));
        course.parameters = course.parameters.with(MigrationParameter.MAX_GUEST_SLOWDOWN, 20);
        Judgement _ = afterHalfASecond(course);
        Judgement judgement = course.pass();
        assertThat(judgement.choice()).hasValueSatisfying(choice -> {
            assertThat(choice.percent()).isEqualTo(20);
            assertThat(choice.postcopy()).isFalse();
            assertThat(choice.sentence()).contains("20 %", "postcopy-ram is off");
        });
        assertThat(judgement.outlook().verdict()).isNotEqualTo(new Verdict.WillFinish());
        assertThat(judgement.outlook().help())
                .hasValueSatisfying(help -> assertThat(help).contains("max-guest-slowdown"));
        course.postcopyAllowed = true;
        judgement = course.judge();
        assertThat(judgement.choice()).hasValueSatisfying(choice -> {
            assertThat(choice.percent()).isZero();
            assertThat(choice.postcopy()).isTrue();
        });
        assertThat(judgement.outlook().verdict()).isEqualTo(new Verdict.WillFinish());
    }

    @Test
    void whatThePassLeavesIsForeseen() {
        Course course = new Course(Steering.AUTOPILOT, sweep(1_000, 1e9));
        Judgement _ = course.pass();
        Judgement _ = course.pass();
        assertThat(course.forecast.pagesAfterPass(course.now()).orElseThrow())
                .as("another pass gains nothing")
                .isBetween(900.0, 1_100.0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"NONE", "AUTO_CONVERGE", "DIRTY_LIMIT", "AUTOPILOT"})
    void degenerateGuestsAndWiresAreJudgedToo(Steering steering) {
        Course idle = new Course(steering, _ -> 0);
        Judgement _ = idle.pass();
        assertThat(idle.pass().outlook().verdict()).isEqualTo(new Verdict.WillFinish());
        assertThat(idle.judge().outlook().leftNanos().high()).isLessThan(1e9);

        Course insane = new Course(steering, seconds -> seconds > 0 ? TOTAL_PAGES : 0);
        insane.parameters = insane.parameters.with(MigrationParameter.DOWNTIME_LIMIT, 1);
        Judgement _ = afterHalfASecond(insane);
        assertThat(insane.pass().outlook().verdict()).isNotEqualTo(new Verdict.WillFinish());

        Course cut = new Course(steering, sweep(1_000, 1_000));
        cut.send(5, 0);
        assertThat(cut.judge().outlook().verdict()).isInstanceOf(Verdict.Uncertain.class);
        cut.send(5, 1);
        Judgement slow = cut.judge();
        assertThat(slow.outlook().verdict()).isNotEqualTo(new Verdict.WillFinish());
    }

    @Test
    void anotherLimitMakesTheWireUnknown() {
        Course course = new Course(Steering.NONE, sweep(100, 100));
        Judgement _ = course.pass();
        course.forecast.sent(1_000_000_000, 0, 40_000, 0, 100_000_000);
        assertThat(course.judge().outlook().verdict()).isInstanceOf(Verdict.Uncertain.class);
        course.forecast.sent(1_000_000_000, 0, 24_000, 0, 100_000_000);
        assertThat(course.judge().outlook().verdict()).isEqualTo(new Verdict.WillFinish());
    }

    /** A wire that is held to a byte a second is not measured for a long time, and need not be. */
    @Test
    void aLimitBoundsWhatIsForetoldFromTheFirstLook() {
        Course course = new Course(Steering.NONE, sweep(200_000, 10_000));
        course.parameters = course.parameters.with(MigrationParameter.MAX_BANDWIDTH, 1);
        course.send(0.06, 0);
        Outlook outlook = course.judge().outlook();
        assertThat(outlook.verdict()).as(outlook.why()).isInstanceOf(Verdict.WillNotFinish.class);
        assertThat(outlook.leftNanos().isFinite()).isFalse();
    }

    @Test
    void aLimitThatMightDoSaysNothingOfTheWireBelowIt() {
        Course course = new Course(Steering.NONE, sweep(100, 100));
        course.parameters = course.parameters.with(MigrationParameter.MAX_BANDWIDTH, 100_000_000);
        course.send(0.06, 0);
        assertThat(course.judge().outlook().verdict()).isInstanceOf(Verdict.Uncertain.class);
    }

    @Test
    void aLowerLimitHoldsInTheNextForecast() {
        Course course = new Course(Steering.NONE, sweep(8_192, 10_000));
        assertThat(afterHalfASecond(course).outlook().verdict()).isEqualTo(new Verdict.WillFinish());
        course.parameters = course.parameters.with(MigrationParameter.MAX_BANDWIDTH, 1);
        course.forecast.sent(1_000_000, 0, 64, 0, 1);
        Outlook outlook = course.judge().outlook();
        assertThat(outlook.verdict()).as(outlook.why()).isInstanceOf(Verdict.WillNotFinish.class);
        assertThat(outlook.why()).doesNotContain("200 MB/s");
    }
}
