// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.Arrays;

/**
 * {@code auto-converge}: how much of its time is to be taken from the guest. Up as QEMU does it: a guest that dirties
 * more than the threshold allows, twice since the last step, loses {@code cpu-throttle-initial} percent and each time
 * {@code cpu-throttle-increment} more. And down again, which QEMU never does, once the guest would keep below the
 * threshold at the lower step too, at the ends of two passes in a row.
 *
 * <p>One thread at a time.
 */
public final class AutoConverge implements ThrottlePolicy {
    /**
     * Up at the second period that is too much, whether the one before it was or not; down after two in a row at the
     * ends of passes that would do with less.
     */
    private static final int PERIODS = 2;

    /** So far below the threshold a lower step has to look before it is taken: what is foreseen is not exact. */
    private static final double MARGIN = 0.8;

    private int tooMany;
    private int fewEnough;
    private boolean hurry = true;

    private final boolean comesDown;

    /** Godwit's. */
    public AutoConverge() {
        this(true);
    }

    private AutoConverge(boolean comesDown) {
        this.comesDown = comesDown;
    }

    /** QEMU's, for forecasts of it: what was taken is not given back before the end. */
    public static AutoConverge ofQemu() {
        return new AutoConverge(false);
    }

    @Override
    public int[] judge(Period period, long[] vcpuPages, int[] percents, MigrationParameters parameters) {
        int now = Arrays.stream(percents).max().orElse(0);
        int[] wanted = new int[percents.length];
        Arrays.fill(wanted, judge(now, period, parameters));
        return wanted;
    }

    @Override
    public boolean isAtMost(int percent, MigrationParameters parameters) {
        return percent
                >= Math.min(
                        parameters.get(MigrationParameter.MAX_GUEST_SLOWDOWN),
                        parameters.get(MigrationParameter.MAX_CPU_THROTTLE));
    }

    @Override
    public boolean isInHurry() {
        return hurry;
    }

    @Override
    public MigrationParameter interval() {
        return MigrationParameter.BACKGROUND_SYNC_INTERVAL;
    }

    /**
     * Judges a period.
     *
     * @param percent that is taken now
     * @return what is to be taken from now on
     */
    int judge(int percent, Period period, MigrationParameters parameters) {
        long dirtiedBytes = period.dirtiedBytes();
        double allowed = period.sentBytes() * (parameters.get(MigrationParameter.THROTTLE_TRIGGER_THRESHOLD) / 100.0);
        if (dirtiedBytes > allowed) {
            hurry = true;
            fewEnough = 0;
            if (++tooMany < PERIODS) {
                return percent;
            }
            tooMany = 0;
            return up(percent, allowed / dirtiedBytes, parameters);
        }
        if (!period.endsPass()) {
            // No reason to be at ease either: early in a pass every guest looks slow.
            return percent;
        }
        if (percent == 0
                || !comesDown
                || dirtiedAt(down(percent, parameters), percent, dirtiedBytes) > MARGIN * allowed) {
            fewEnough = 0;
            hurry = false;
            return percent;
        }
        hurry = true;
        if (++fewEnough < PERIODS) {
            return percent;
        }
        fewEnough = 0;
        tooMany = 0;
        return down(percent, parameters);
    }

    private static int up(int percent, double idealShare, MigrationParameters parameters) {
        int max = (int) parameters.get(MigrationParameter.MAX_CPU_THROTTLE);
        if (percent == 0) {
            return Math.min(max, (int) parameters.get(MigrationParameter.CPU_THROTTLE_INITIAL));
        }
        double step = parameters.get(MigrationParameter.CPU_THROTTLE_INCREMENT);
        if (parameters.isOn(MigrationParameter.CPU_THROTTLE_TAILSLOW)) {
            int left = 100 - percent;
            step = Math.min(step, left - left * idealShare);
        }
        return Math.min(max, (int) (percent + step));
    }

    private static int down(int percent, MigrationParameters parameters) {
        int lower = percent - (int) parameters.get(MigrationParameter.CPU_THROTTLE_INCREMENT);
        return lower < parameters.get(MigrationParameter.CPU_THROTTLE_INITIAL) ? 0 : lower;
    }

    /** What the guest dirties if it has as much more time. At least, not at most: a small set is not dirtied twice. */
    private static double dirtiedAt(int lower, int percent, long dirtiedBytes) {
        return dirtiedBytes * (100.0 - lower) / (100 - percent);
    }
}
