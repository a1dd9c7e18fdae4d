// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ForecastTest {
    private static final long GIB = 1L << 30;
    private static final long MB = 1_000_000;
    private static final long[] INTERVALS = {10, 20, 50, 100, 200, 500, 1000, 3000};

    private static GuestProfile guest(DoubleUnaryOperator pages) {
        return new GuestProfile(GIB, Estimate.exactly(0), DirtyCurveTest.through(pages, INTERVALS), 1);
    }

    private static GuestProfile sweeper(double set, double rate) {
        return guest(seconds -> Math.min(set, rate * seconds));
    }

    private static GuestProfile randomWriter(double set, double rate) {
        return guest(seconds -> set * -Math.expm1(-rate * seconds / set));
    }

    private static Conditions within(StoppingRule rule, long downtimeMillis) {
        return new Conditions(
                rule, MigrationParameters.DEFAULTS.with(MigrationParameter.DOWNTIME_LIMIT, downtimeMillis));
    }

    private static Outcome precopy(GuestProfile guest, long bytesPerSecond, StoppingRule rule) {
        return Forecast.of(Method.PRECOPY, guest, Link.of(bytesPerSecond), within(rule, 300));
    }

    @Test
    void anIdleGuestIsOnePassAndTheHandover() {
        Outcome outcome = precopy(sweeper(1, 1), 1000 * MB, StoppingRule.GODWIT);
        assertThat(outcome.verdict()).isEqualTo(new Verdict.WillFinish());
        assertThat(outcome.totalNanos().best()).isCloseTo(1.19e9, within(0.1e9));
        assertThat(outcome.bytes().best()).isCloseTo(262_144 * 4104.0, within(1e6));
        assertThat(outcome.downtimeNanos().best()).isLessThan(10e6);
    }

    @Test
    void zeroPagesCostNineBytes() {
        GuestProfile zero = new GuestProfile(GIB, Estimate.exactly(1), DirtyCurveTest.through(_ -> 0, INTERVALS), 1);
        Outcome outcome = precopy(zero, 100 * MB, StoppingRule.GODWIT);
        assertThat(outcome.bytes().best()).isCloseTo(262_144 * 9.0, within(1e4));
        assertThat(outcome.totalNanos().best()).isLessThan(0.3e9);
    }

    /**
     * While 1 GiB goes at 500 MB/s the guest writes its set whole; then each pass is the share rate / bandwidth of the
     * one before. Of the set the first pass sends what it reaches before it is written.
     */
    @Test
    void passesOfASweepAreAGeometricSeries() {
        Outcome outcome = precopy(sweeper(16_384, 20_000), 500 * MB, StoppingRule.GODWIT);
        double share = 20_000 * 4104 / 500e6;
        double bytes = 262_144 * 4104.0 + 16_384 * 4104 / (1 - share);
        assertThat(outcome.verdict()).isEqualTo(new Verdict.WillFinish());
        assertThat(outcome.bytes().best()).isBetween(bytes - 0.9 * 16_384 * 4104, bytes - 0.3 * 16_384 * 4104);
        assertThat(outcome.totalNanos().best()).isCloseTo(bytes / 500e6 * 1e9, within(0.12e9));
        assertThat(outcome.passes().best()).isBetween(3.0, 8.0);
    }

    /**
     * Half of the memory, all of it written within the first look: the first pass sends little of it, if it does not
     * begin there.
     */
    @Test
    void whatIsHotIsLeftByTheFirstPass() {
        double set = 131_072 * 4104.0;
        Outcome outcome = Forecast.of(
                Method.PRECOPY, sweeper(131_072, 2_000_000), Link.of(1000 * MB), within(StoppingRule.GODWIT, 10_000));
        assertThat(outcome.bytes().best())
                .as("the other half, a pass that gains nothing, and the rest")
                .isBetween(3.0 * set, 3.2 * set);
        assertThat(outcome.bytes().high()).isCloseTo(4 * set, within(0.1 * set));
    }

    @ParameterizedTest
    @EnumSource(StoppingRule.class)
    void aGuestThatDirtiesFasterThanTheWireWillNotFinish(StoppingRule rule) {
        // 410 MB/s over 512 MiB, against 200 MB/s: what may be left is 60 MB.
        Outcome outcome = precopy(sweeper(131_072, 100_000), 200 * MB, rule);
        assertThat(outcome.verdict())
                .isInstanceOfSatisfying(
                        Verdict.WillNotFinish.class,
                        verdict -> assertThat(verdict.reason())
                                .contains("Even at its calmest, the guest dirties", "57.2 MiB", "300 ms", "200 MB/s"));
        assertThat(outcome.totalNanos().isFinite()).isFalse();
        assertThat(outcome.downtimeNanos().best()).isInfinite();
    }

    @ParameterizedTest
    @EnumSource(StoppingRule.class)
    void aSetThatFitsIntoTheLimitFinishesHoweverFastItIsWritten(StoppingRule rule) {
        // 32 MiB, and 60 MB may be left.
        Outcome outcome = precopy(sweeper(8_192, 1_000_000), 200 * MB, rule);
        assertThat(outcome.verdict()).isEqualTo(new Verdict.WillFinish());
        // The limit is for the pages; the handover comes on top.
        assertThat(outcome.downtimeNanos().high())
                .isLessThan(300e6 + rule.handoverNanos().high());
    }

    @Test
    void theVerdictIsThereAfterOneSecondOfWatching() {
        GuestProfile seen = new GuestProfile(
                16 * GIB,
                new Estimate(0, 0, 0.9),
                DirtyCurveTest.through(seconds -> 100_000 * seconds, 10, 20, 50, 100, 200, 500),
                1);
        assertThat(precopy(seen, 200 * MB, StoppingRule.GODWIT).verdict()).isInstanceOf(Verdict.WillNotFinish.class);
    }

    @Test
    void whatDependsOnTheErrorBarsIsNotPromised() {
        // 190 MB/s against 200 MB/s, give or take a fifth.
        DirtyCurve curve = DirtyCurve.of(
                java.util.stream.LongStream.of(INTERVALS)
                        .mapToObj(ms -> new DirtyCurve.Point(
                                ms * 1_000_000, Estimate.measured(190e6 / 4104 * ms / 1e3, 0.2, 0)))
                        .toList(),
                GIB / 4096);
        Outcome outcome = precopy(new GuestProfile(GIB, Estimate.exactly(0), curve, 1), 200 * MB, StoppingRule.GODWIT);
        assertThat(outcome.verdict()).isInstanceOf(Verdict.Uncertain.class);
        assertThat(outcome.totalNanos().high()).isInfinite();
        assertThat(outcome.totalNanos().low()).isFinite();
    }

    @ParameterizedTest
    @EnumSource(StoppingRule.class)
    void moreBandwidthIsNeverSlower(StoppingRule rule) {
        for (GuestProfile guest : new GuestProfile[] {
            sweeper(16_384, 20_000), randomWriter(65_536, 30_000), sweeper(100_000, 60_000), sweeper(1, 1)
        }) {
            Forecast before = Forecast.of(guest, Link.of(50 * MB), within(rule, 300));
            for (long bandwidth = 75; bandwidth < 4000; bandwidth = bandwidth * 3 / 2) {
                Forecast now = Forecast.of(guest, Link.of(bandwidth * MB), within(rule, 300));
                for (Method method : Method.values()) {
                    double faster = now.outcome(method).totalNanos().best();
                    assertThat(faster)
                            .as("%s at %d MB/s", method, bandwidth)
                            .isLessThanOrEqualTo(
                                    1.02 * before.outcome(method).totalNanos().best());
                }
                before = now;
            }
        }
    }

    @ParameterizedTest
    @EnumSource(StoppingRule.class)
    void throttlingLetsAGuestFinishAndCostsItsWork(StoppingRule rule) {
        GuestProfile guest = sweeper(131_072, 100_000);
        Outcome throttled = Forecast.of(Method.AUTO_CONVERGE, guest, Link.of(200 * MB), within(rule, 300));
        assertThat(throttled.verdict()).isEqualTo(new Verdict.WillFinish());
        assertThat(throttled.slowdown().best()).isBetween(0.2, 0.99);
        assertThat(throttled.totalNanos().best()).isGreaterThan(262_144 * 4104 / 0.2);
        Outcome limited = Forecast.of(Method.DIRTY_LIMIT, guest, Link.of(200 * MB), within(rule, 300));
        assertThat(limited.verdict()).isEqualTo(new Verdict.WillFinish());
        assertThat(limited.totalNanos().best())
                .isLessThan(throttled.totalNanos().best());
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aGuestThatWritesLittleIsNeverThrottled(Method method) {
        Outcome outcome = Forecast.of(method, sweeper(100, 1000), Link.of(500 * MB), within(StoppingRule.GODWIT, 300));
        assertThat(outcome.verdict()).isEqualTo(new Verdict.WillFinish());
        assertThat(outcome.slowdown().best()).isLessThan(0.1);
    }

    @Test
    void postcopyAlwaysEndsWithOneWayOfTheMemoryAndFaultsOfTheWorkingSet() {
        GuestProfile guest = sweeper(65_536, 500_000);
        Outcome outcome = Forecast.of(Method.POSTCOPY, guest, Link.of(200 * MB), within(StoppingRule.GODWIT, 300));
        assertThat(outcome.verdict()).isEqualTo(new Verdict.WillFinish());
        assertThat(outcome.bytes().high()).isCloseTo(262_144 * 4104.0, within(1.0));
        assertThat(outcome.faults().best()).isBetween(1_000.0, 65_536.0);
        assertThat(outcome.slowdown().best()).isBetween(0.01, 1.0);
        Outcome hybrid =
                Forecast.of(Method.PRECOPY_THEN_POSTCOPY, guest, Link.of(200 * MB), within(StoppingRule.GODWIT, 300));
        assertThat(hybrid.bytes().high()).isCloseTo((262_144 + 65_536) * 4104.0, within(1.0));
        assertThat(hybrid.bytes().best())
                .as("the first pass leaves what is hot")
                .isBetween(262_144 * 4104.0, (262_144 + 32_768) * 4104.0);
        assertThat(hybrid.totalNanos().best())
                .isGreaterThan(outcome.totalNanos().best());
    }

    @Test
    void qemuUsesTheLimitUpWhereGodwitGoesOn() {
        GuestProfile guest = sweeper(16_384, 20_000);
        Outcome qemu = precopy(guest, 200 * MB, StoppingRule.QEMU);
        Outcome godwit = precopy(guest, 200 * MB, StoppingRule.GODWIT);
        assertThat(qemu.downtimeNanos().best())
                .isGreaterThan(5 * godwit.downtimeNanos().best());
        assertThat(qemu.downtimeNanos().high())
                .isLessThan(301e6 + StoppingRule.QEMU.handoverNanos().high());
    }

    @Test
    void theRestLeavesAtTheSpeedOfTheWire() {
        GuestProfile guest = sweeper(8_192, 1_000_000);
        Link limited = Link.of(200 * MB);
        Conditions conditions = within(StoppingRule.GODWIT, 300);
        Outcome slow = Forecast.of(Method.PRECOPY, guest, limited, conditions);
        Outcome fast = Forecast.of(Method.PRECOPY, guest, limited.withWire(2000 * MB), conditions);
        assertThat(slow.downtimeNanos().best()).isCloseTo(8_192 * 4104 / 0.2 + 5e6, within(0.05e9));
        assertThat(fast.downtimeNanos().best()).isCloseTo(8_192 * 4104 / 2.0 + 5e6, within(0.01e9));
    }

    @ParameterizedTest
    @CsvSource({
        "16384,    20000, PRECOPY",
        "131072,   70000, AUTO_CONVERGE",
        "250000,  900000, PRECOPY_THEN_POSTCOPY",
    })
    void theAdviceIsTheMildestWayThatFinishes(double set, double rate, Method method) {
        Link link = Link.of(200 * MB);
        Conditions conditions = within(StoppingRule.GODWIT, 300);
        Advice advice = Advice.of(Forecast.of(sweeper(set, rate), link, conditions), link, conditions);
        assertThat(advice.why()).endsWith(".").contains("Plain precopy");
        assertThat(advice.parameters()).containsEntry("max-bandwidth", 200 * MB).containsEntry("downtime-limit", 300L);
        assertThat(advice.method()).as(advice.why()).isEqualTo(method);
    }

    private static org.assertj.core.data.Offset<Double> within(double offset) {
        return org.assertj.core.api.Assertions.within(offset);
    }

    /** A running migration waits for its forecast. */
    @ParameterizedTest
    @EnumSource(
            value = Method.class,
            names = {"PRECOPY", "AUTO_CONVERGE", "DIRTY_LIMIT"})
    void aGuestThatNearlyConvergesIsJudgedByAFewThousandSteps(Method method) {
        Conditions conditions = new Conditions(
                StoppingRule.GODWIT,
                MigrationParameters.DEFAULTS
                        .with(MigrationParameter.DOWNTIME_LIMIT, 1)
                        .with(MigrationParameter.MAX_GUEST_SLOWDOWN, 0)
                        .with(MigrationParameter.BACKGROUND_SYNC_INTERVAL, 1)
                        .with(MigrationParameter.VCPU_DIRTY_LIMIT_PERIOD, 1));
        double pagesPerNano = 200e6 / 4104 / 1e9;
        int[] asked = new int[1];
        GuestWrites nearly = (from, to) -> {
            asked[0]++;
            return Math.min(262_144, (to - from) * pagesPerNano * 0.99995);
        };
        SimulatedRun run =
                new PassSimulator(sweeper(1, 1), nearly, Link.of(200 * MB), conditions, Scenario.LIKELY).run(method);
        assertThat(run.finished()).isFalse();
        assertThat(asked[0]).isLessThan(20_000);
    }
}
