// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.memory.ZeroSample;
import io.godwit.engine.tracking.DirtyRate.CurvePoint;
import io.godwit.engine.tracking.DirtyRate.Figures;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Asks the guest's tracker. Pages are counted once in the blocks' dirty bitmaps, which are of no use while no migration
 * runs: the next one begins with all of their bits set.
 */
final class TrackedPages implements Measurement {
    private final RamBlocks.Snapshot ram;
    private final DirtyTracker tracker;
    private final DirtyRateRequest request;
    private final List<CurvePoint> curve = new ArrayList<>();

    TrackedPages(RamBlocks.Snapshot ram, DirtyTracker tracker, DirtyRateRequest request) {
        this.ram = ram;
        this.tracker = tracker;
        this.request = request;
    }

    @Override
    public Optional<Figures> run(Wait wait) {
        for (RamBlock block : ram.blocks()) {
            block.dirtyBitmap().clearAll();
        }
        tracker.start();
        long startNanos = wait.nanoTime();
        boolean whole = true;
        for (long interval : request.intervalsMillis()) {
            whole = whole && wait.until(startNanos + interval * 1_000_000);
            if (whole) {
                long elapsed = wait.nanoTime() - startNanos;
                harvest();
                curve.add(new CurvePoint(interval, elapsed, ram.dirtyPageCount()));
            }
        }
        boolean _ = whole && wait.until(startNanos + request.calcMillis() * 1_000_000);
        long elapsed = wait.nanoTime() - startNanos;
        if (elapsed < DirtyRateRequest.MIN_CALC_MILLIS * 1_000_000) {
            return Optional.empty();
        }
        harvest();
        return Optional.of(figures(elapsed));
    }

    private void harvest() {
        for (RamBlock block : ram.blocks()) {
            long _ = tracker.harvestUnlessGone(block);
        }
    }

    private Figures figures(long elapsedNanos) {
        OptionalDouble zeroShare = ZeroSample.of(ram, elapsedNanos).share();
        return switch (request.mode()) {
            case DIRTY_RING -> {
                long[] pages = tracker.vcpuPages();
                yield new Figures(
                        DirtyRate.bytesPerSecond(Arrays.stream(pages).sum(), elapsedNanos),
                        Arrays.stream(pages)
                                .mapToObj(count -> DirtyRate.bytesPerSecond(count, elapsedNanos))
                                .toList(),
                        List.of(),
                        zeroShare);
            }
            case DIRTY_BITMAP, PAGE_SAMPLING ->
                new Figures(DirtyRate.bytesPerSecond(ram.dirtyPageCount(), elapsedNanos), List.of(), curve, zeroShare);
        };
    }

    @Override
    public void release() {
        tracker.stop();
    }
}
