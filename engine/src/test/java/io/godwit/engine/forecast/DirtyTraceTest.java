// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DirtyTraceTest {
    private static final int TOTAL = 65_536;
    private static final long HARVEST_MILLIS = 5;
    private static final List<Long> INTERVALS = List.of(10L, 20L, 50L, 100L, 200L, 500L, 1000L, 3000L);

    private static final String SMALL = """
            godwit-dirty-trace 1 pages=100 zero-pages=10
            20 12 0+10 40+2
            20 0
            10 11 5+10 99+1
            """;

    /** A guest that writes a set in order or at random, for a while. */
    private static DirtyTrace recorded(int set, int pagesPerSecond, boolean random, long seed) {
        SplittableRandom numbers = new SplittableRandom(seed);
        List<DirtyTrace.Harvest> harvests = new ArrayList<>();
        double due = 0;
        long written = 0;
        for (long at = 0; at < 12_000; at += HARVEST_MILLIS) {
            BitSet pages = new BitSet();
            for (due += pagesPerSecond * HARVEST_MILLIS / 1e3; due >= 1; due--) {
                pages.set(random ? numbers.nextInt(set) : (int) (written++ % set));
            }
            harvests.add(new DirtyTrace.Harvest(HARVEST_MILLIS, pages));
        }
        return new DirtyTrace(TOTAL, 0, harvests);
    }

    @Test
    void aTraceIsReadAsItWasWritten() {
        DirtyTrace trace = DirtyTrace.parse(SMALL);
        assertThat(trace.text()).isEqualTo(SMALL);
        assertThat(trace.durationMillis()).isEqualTo(50);
        assertThat(DirtyTrace.parse(recorded(1000, 5000, true, 1).text())).isEqualTo(recorded(1000, 5000, true, 1));
    }

    @Test
    void aReplayCountsEachPageOnce() {
        DirtyTrace.Replay replay = DirtyTrace.parse(SMALL).replay();
        assertThat(replay.uniquePages(0, 20e6)).isEqualTo(12);
        assertThat(replay.uniquePages(0, 50e6)).isEqualTo(18);
        assertThat(replay.uniquePages(20e6, 40e6)).isZero();
        assertThat(replay.uniquePages(0, 10e6)).isCloseTo(6, within(1e-9));
        assertThat(replay.uniquePages(40e6, 70e6)).as("it begins anew").isEqualTo(18);
        assertThat(replay.uniquePages(0, 1e12)).isEqualTo(18);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "godwit-dirty-trace 2 pages=1 zero-pages=0",
                "godwit-dirty-trace 1 pages=-1 zero-pages=0\n10 0",
                "godwit-dirty-trace 1 pages=10 zero-pages=11\n10 0",
                "godwit-dirty-trace 1 pages=10 zero-pages=0",
                "godwit-dirty-trace 1 pages=10 zero-pages=0\n10",
                "godwit-dirty-trace 1 pages=10 zero-pages=0\n0 0",
                "godwit-dirty-trace 1 pages=10 zero-pages=0\n10 2 9+2",
                "godwit-dirty-trace 1 pages=10 zero-pages=0\n10 2 9223372036854775807+2",
                "godwit-dirty-trace 1 pages=10 zero-pages=0\n10 3 0+2",
                "godwit-dirty-trace 1 pages=10 zero-pages=0\n10 2 0x2",
                "godwit-dirty-trace 1 pages=99999999999 zero-pages=0\n10 0",
            })
    void whatIsNoTraceIsRefused(String text) {
        assertThatThrownBy(() -> DirtyTrace.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    /** What was measured by watching foretells what passes over the very guest find. */
    @ParameterizedTest
    @CsvSource({
        "8192,  10000, false, 100",
        "8192,  10000, true,  100",
        "8192,  40000, true,  300",
        "2000, 200000, true,  100",
        "30000, 20000, true,  300",
        "60000,  3000, true,   50",
    })
    void theForecastFromACurveIsWhatTheReplayDoes(int set, int rate, boolean random, long megabytes) {
        DirtyTrace trace = recorded(set, rate, random, 7);
        GuestProfile profile = new GuestProfile(TOTAL * 4096L, Estimate.exactly(0), trace.curve(INTERVALS), 1);
        Link link = Link.of(megabytes * 1_000_000);
        for (StoppingRule rule : StoppingRule.values()) {
            Conditions conditions = new Conditions(rule, MigrationParameters.DEFAULTS);
            Outcome foretold = Forecast.of(Method.PRECOPY, profile, link, conditions);
            SimulatedRun replayed =
                    new PassSimulator(profile, trace.replay(), link, conditions, Scenario.LIKELY).run(Method.PRECOPY);
            assertThat(replayed.finished()).as("%s: %s", rule, foretold).isTrue();
            assertThat(foretold.verdict()).isEqualTo(new Verdict.WillFinish());
            assertThat(foretold.totalNanos().best())
                    .as(rule::toString)
                    .isCloseTo(replayed.totalNanos(), within(0.1 * replayed.totalNanos()));
            assertThat(replayed.downtimeNanos())
                    .as("%s: %s", rule, foretold.downtimeNanos())
                    .isBetween(
                            foretold.downtimeNanos().low() * 0.9,
                            foretold.downtimeNanos().high() * 1.1);
        }
    }

    @Test
    void noReplayOfRandomGuestsFinishesLessThanPromised() {
        long seed = 20_261_125;
        SplittableRandom numbers = new SplittableRandom(seed);
        for (int i = 0; i < 25; i++) {
            int set = numbers.nextInt(500, TOTAL);
            int rate = numbers.nextInt(1_000, 80_000);
            boolean random = numbers.nextBoolean();
            Link link = Link.of(numbers.nextInt(40, 400) * 1_000_000L);
            DirtyTrace trace = recorded(set, rate, random, i);
            GuestProfile profile = new GuestProfile(TOTAL * 4096L, Estimate.exactly(0), trace.curve(INTERVALS), 1);
            Conditions conditions = new Conditions(
                    StoppingRule.GODWIT, MigrationParameters.DEFAULTS.with(MigrationParameter.DOWNTIME_LIMIT, 100));
            Outcome foretold = Forecast.of(Method.PRECOPY, profile, link, conditions);
            boolean finished = new PassSimulator(profile, trace.replay(), link, conditions, Scenario.LIKELY)
                    .run(Method.PRECOPY)
                    .finished();
            String guest = "seed " + seed + ", guest " + i + ": set " + set + ", rate " + rate + ", random " + random
                    + ", " + link + ": " + foretold.verdict();
            switch (foretold.verdict()) {
                case Verdict.WillFinish _ -> assertThat(finished).as(guest).isTrue();
                case Verdict.WillNotFinish _ -> assertThat(finished).as(guest).isFalse();
                case Verdict.Uncertain _ -> {
                    // Either may come.
                }
            }
        }
    }
}
