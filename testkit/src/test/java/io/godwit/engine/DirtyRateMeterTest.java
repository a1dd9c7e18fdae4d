// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.tracking.DirtyRate;
import io.godwit.engine.tracking.DirtyRate.CurvePoint;
import io.godwit.engine.tracking.DirtyRate.Figures;
import io.godwit.engine.tracking.DirtyRate.Stage;
import io.godwit.engine.tracking.DirtyRateMeter;
import io.godwit.engine.tracking.DirtyRateMode;
import io.godwit.engine.tracking.DirtyRateRequest;
import io.godwit.stream.RamBlockEntry;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.guest.TestPlug;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The guest does not run by itself here: each test writes when it wants, on a clock that goes on by 10 ms whenever it
 * is looked at.
 */
@Timeout(60)
class DirtyRateMeterTest {
    private static final long STEP_NANOS = 10_000_000;

    // What a measurement of 50 ms takes on that clock: it looks once before, and once after it has waited.
    private static final long ELAPSED_NANOS = 60_000_000;

    private final CountingGuest guest = new CountingGuest(UUID.randomUUID(), new CountingGuest.Census());
    private final AtomicInteger looks = new AtomicInteger();
    private volatile Runnable atThirdLook = () -> {};
    private final DirtyRateMeter meter = new DirtyRateMeter(
            guest.ram(),
            guest.dirtyTracker(),
            Environment.of(this::nanoTime),
            () -> Instant.ofEpochSecond(1_234_567),
            42);

    @AfterEach
    void close() {
        meter.close();
        guest.close();
    }

    private long nanoTime() {
        int look = looks.incrementAndGet();
        if (look == 3) {
            atThirdLook.run();
        }
        return look * STEP_NANOS;
    }

    private static DirtyRateRequest sampling() {
        return new DirtyRateRequest(DirtyRateMode.PAGE_SAMPLING, 50, DirtyRateRequest.DEFAULT_SAMPLE_PAGES, List.of());
    }

    private static DirtyRateRequest tracked(DirtyRateMode mode, long calcMillis, Long... intervals) {
        return new DirtyRateRequest(mode, calcMillis, 0, List.of(intervals));
    }

    @ParameterizedTest
    @EnumSource(names = {"PAGE_SAMPLING", "DIRTY_BITMAP"})
    void blocksThatComeAndGoMeanwhileDisturbNoMeasurement(DirtyRateMode mode) {
        TestPlug plug = guest.allowPlugging(64 << 20);
        RamBlock goes = plug.plug(RamBlockEntry.of("goes", 1 << 20), RamBlocks.Gate.OPEN);
        atThirdLook = () -> {
            plug.unplug(goes, RamBlocks.Gate.OPEN);
            plug.plug(RamBlockEntry.of("comes", 1 << 20), RamBlocks.Gate.OPEN);
        };
        DirtyRate rate = measure(mode == DirtyRateMode.PAGE_SAMPLING ? sampling() : tracked(mode, 50));
        assertThat(rate.stage()).isInstanceOf(DirtyRate.Stage.Measured.class);
        assertThat(plug.freed).hasValue(1);
    }

    private DirtyRate measure(DirtyRateRequest request) {
        meter.start(request);
        return awaitEnd();
    }

    private DirtyRate awaitEnd() {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (meter.latest().stage() instanceof Stage.Measuring) {
            assertThat(System.nanoTime()).as("the measurement ends").isLessThan(deadline);
            Thread.onSpinWait();
        }
        return meter.latest();
    }

    private static Figures figures(DirtyRate rate) {
        assertThat(rate.stage()).isInstanceOf(Stage.Measured.class);
        return ((Stage.Measured) rate.stage()).figures();
    }

    private void writeEach(int step) {
        for (int page = 0; page < CountingGuest.PAGES; page += step) {
            guest.write(page, page + 1);
        }
    }

    private static long bytesPerSecond(double pages) {
        return (long) (pages * RamBlock.PAGE_BYTES * 1e9 / ELAPSED_NANOS);
    }

    @Test
    void nothingIsKnownBeforeTheFirstMeasurement() {
        assertThat(meter.latest()).isEqualTo(DirtyRate.NONE);
    }

    @Test
    void samplesOfAGuestThatWritesNothingGiveZero() {
        guest.fill(1);
        DirtyRate rate = measure(sampling());
        assertThat(figures(rate).bytesPerSecond()).isZero();
        assertThat(rate.startEpochSeconds()).isEqualTo(1_234_567);
        assertThat(rate.samplePages()).isEqualTo(512);
        assertThat(rate.calcMillis()).isBetween(50L, 100L);
    }

    @Test
    void samplesOfAGuestThatWritesEverywhereGiveAllOfIt() {
        atThirdLook = () -> writeEach(1);
        assertThat(figures(measure(sampling())).bytesPerSecond()).isEqualTo(bytesPerSecond(CountingGuest.PAGES));
    }

    @Test
    void samplesFindAboutHowMuchWasWrittenAndHowMuchIsZero() {
        atThirdLook = () -> writeEach(4);
        Figures figures = figures(measure(sampling()));
        double all = bytesPerSecond(CountingGuest.PAGES);
        assertThat(figures.bytesPerSecond() / all).isBetween(0.1, 0.4);
        assertThat(figures.zeroShare().orElseThrow()).isBetween(0.6, 0.9);
        assertThat(figures.vcpuBytesPerSecond()).isEmpty();
    }

    @Test
    void aPageThatHasNotArrivedIsNotTouched() {
        RamBlock block = guest.ram().snapshot().blocks().getFirst();
        block.beginArriving(new PageBitmap(block.pageCount()));
        DirtyRate rate = measure(sampling());
        assertThat(rate.stage())
                .isInstanceOfSatisfying(
                        Stage.Unstarted.class,
                        s -> assertThat(s.reason()).hasValue("not all of the guest's memory is there"));
    }

    @Test
    void theBitmapCountsEachPageOnce() {
        atThirdLook = () -> {
            writeEach(8);
            writeEach(16);
        };
        DirtyRate rate = measure(tracked(DirtyRateMode.DIRTY_BITMAP, 50));
        assertThat(figures(rate).bytesPerSecond()).isEqualTo(bytesPerSecond(CountingGuest.PAGES / 8.0));
        assertThat(figures(rate).zeroShare().orElseThrow()).isStrictlyBetween(0.0, 1.0);
        assertThat(rate.samplePages()).isZero();
    }

    @Test
    void theCurveHasThePagesWrittenSoFarAtEachInterval() {
        AtomicInteger harvests = new AtomicInteger();
        guest.beforeHarvest = () -> {
            // Every harvest finds two pages that the one before did not, and one that it did.
            int first = harvests.getAndIncrement() * 2;
            guest.write(first, 1);
            guest.write(first + 1, 1);
            guest.write(first + 2, 1);
        };
        Figures figures = figures(measure(tracked(DirtyRateMode.DIRTY_BITMAP, 100, 10L, 20L, 50L)));
        assertThat(figures.curve().stream().map(CurvePoint::intervalMillis)).containsExactly(10L, 20L, 50L);
        assertThat(figures.curve().stream().map(CurvePoint::pages)).containsExactly(3L, 5L, 7L);
        assertThat(figures.curve()).allMatch(point -> point.elapsedNanos() >= point.intervalMillis() * 1_000_000);
        assertThat(harvests.get()).isEqualTo(4);
    }

    @Test
    void ringsTellEachVcpu() {
        guest.vcpuPages = new long[] {300, 0, 6000};
        Figures figures = figures(measure(tracked(DirtyRateMode.DIRTY_RING, 50)));
        assertThat(figures.vcpuBytesPerSecond()).containsExactly(bytesPerSecond(300), 0L, bytesPerSecond(6000));
        assertThat(figures.bytesPerSecond()).isEqualTo(bytesPerSecond(6300));
    }

    @Test
    void ringsAreRefusedWhereTheTrackerDoesNotTellVcpusApart() {
        assertThatThrownBy(() -> meter.start(tracked(DirtyRateMode.DIRTY_RING, 50)))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining("program's marks");
        assertThat(meter.latest()).isEqualTo(DirtyRate.NONE);
    }

    @ParameterizedTest
    @EnumSource
    void oneMeasurementAtATime(DirtyRateMode mode) {
        guest.vcpuPages = new long[1];
        DirtyRateRequest request =
                new DirtyRateRequest(mode, 60_000, mode == DirtyRateMode.PAGE_SAMPLING ? 512 : 0, List.of());
        meter.start(request);
        assertThat(meter.latest().stage()).isEqualTo(new Stage.Measuring());
        assertThatThrownBy(() -> meter.start(request))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining("runs already, of 60000 ms");
        meter.close();
        assertThat(meter.latest().stage()).isNotEqualTo(new Stage.Measuring());
        meter.start(request);
    }

    @Test
    void whoNeedsTheTrackerGetsItAndTheMeasurementEndsWithWhatItHas() throws InterruptedException {
        CountDownLatch harvesting = new CountDownLatch(1);
        guest.beforeHarvest = () -> {
            guest.write(5, 1);
            harvesting.countDown();
        };
        meter.start(tracked(DirtyRateMode.DIRTY_BITMAP, 60_000, 60L));
        awaitLatch(harvesting);
        meter.yieldTracker("somebody else needs it");
        assertThat(meter.latest().stage())
                .isInstanceOfSatisfying(
                        Stage.Measured.class, s -> assertThat(s.reason()).hasValue("somebody else needs it"));
        assertThat(figures(meter.latest()).curve()).hasSize(1);
        assertThat(meter.latest().calcMillis()).isBetween(60L, 1000L);
    }

    @Test
    void tooShortAMeasurementHasNoResultButAReason() throws InterruptedException {
        CountDownLatch looked = new CountDownLatch(1);
        atThirdLook = looked::countDown;
        meter.start(tracked(DirtyRateMode.DIRTY_BITMAP, 60_000));
        awaitLatch(looked);
        meter.yieldTracker("somebody else needs it");
        assertThat(meter.latest().stage())
                .isInstanceOfSatisfying(
                        Stage.Unstarted.class, s -> assertThat(s.reason()).hasValue("somebody else needs it"));
    }

    @Test
    void samplingGoesOnWhenSomebodyNeedsTheTrackerAndEndsWithTheHost() throws InterruptedException {
        CountDownLatch looked = new CountDownLatch(1);
        atThirdLook = looked::countDown;
        meter.start(new DirtyRateRequest(DirtyRateMode.PAGE_SAMPLING, 60_000, 128, List.of()));
        awaitLatch(looked);
        meter.yieldTracker("somebody else needs it");
        assertThat(meter.latest().stage()).isEqualTo(new Stage.Measuring());
        meter.close();
        assertThat(meter.latest().stage()).isInstanceOf(Stage.Unstarted.class);
    }

    @Test
    void aTrackerThatFailsIsTheReasonAndTheNextMeasurementIsPossible() {
        guest.beforeHarvest = () -> {
            throw new IllegalStateException("the log cannot be read");
        };
        assertThat(measure(tracked(DirtyRateMode.DIRTY_BITMAP, 50)).stage())
                .isInstanceOfSatisfying(
                        Stage.Unstarted.class, s -> assertThat(s.reason()).hasValue("the log cannot be read"));
        guest.beforeHarvest = () -> {};
        guest.trackerRefusesToStop = true;
        assertThat(figures(measure(tracked(DirtyRateMode.DIRTY_BITMAP, 50))).bytesPerSecond())
                .isZero();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            PAGE_SAMPLING | 49    | 512   |               | calc-time is 49 ms: must be from 50 to 60000
            PAGE_SAMPLING | 60001 | 512   |               | calc-time is 60001 ms: must be from 50 to 60000
            PAGE_SAMPLING | 50    | 127   |               | sample-pages is 127 for each GiB: must be from 128 to 16384
            PAGE_SAMPLING | 50    | 16385 |               | sample-pages is 16385
            DIRTY_BITMAP  | 50    | 512   |               | sample-pages is for the mode page-sampling; dirty-bitmap
            DIRTY_RING    | 50    | 512   |               | sample-pages is for the mode page-sampling; dirty-ring
            DIRTY_RING    | 50    | 0     | 10            | x-intervals is for the mode dirty-bitmap, not for dirty-ring
            DIRTY_BITMAP  | 50    | 0     | 0             | x-intervals has 0 ms after 0 ms
            DIRTY_BITMAP  | 50    | 0     | 10 10         | x-intervals has 10 ms after 10 ms
            DIRTY_BITMAP | 50 | 0 | 10 51 | x-intervals has 51 ms after 10 ms: must ascend, from 1 to calc-time, 50
            DIRTY_BITMAP  | 50    | 0     | 1 2 3 4 5 6 7 8 9 | x-intervals has 9 values: up to 8
            """)
    void whatIsOutOfRangeIsRefusedWithTheRange(
            DirtyRateMode mode, long calcMillis, long samplePages, String intervals, String sentence) {
        List<Long> list = intervals == null
                ? List.of()
                : List.of(intervals.split(" ")).stream().map(Long::valueOf).toList();
        assertThatThrownBy(() -> new DirtyRateRequest(mode, calcMillis, samplePages, list))
                .isInstanceOf(MigrationException.Refused.class)
                .hasMessageContaining(sentence);
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            assertThat(latch.await(Pair.PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
