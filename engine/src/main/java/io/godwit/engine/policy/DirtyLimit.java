// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.Arrays;

/**
 * {@code dirty-limit}: only vCPUs that write more than their share lose time. The share is what the wire allows,
 * divided so that nobody gets more than he writes, and at least {@code vcpu-dirty-limit}. It begins when the guest has
 * dirtied too much twice, as {@link AutoConverge} does; from then on every period sets each vCPU right, up or down.
 *
 * <p>One thread at a time.
 */
public final class DirtyLimit implements ThrottlePolicy {
    private static final int PERIODS = 2;

    private final boolean divides;
    private int tooMany;

    /** Godwit's. */
    public DirtyLimit() {
        this(true);
    }

    private DirtyLimit(boolean divides) {
        this.divides = divides;
    }

    /** QEMU's, for forecasts of it: {@code vcpu-dirty-limit} is what each vCPU has, whatever the wire allows. */
    public static DirtyLimit ofQemu() {
        return new DirtyLimit(false);
    }

    @Override
    public int[] judge(Period period, long[] vcpuPages, int[] percents, MigrationParameters parameters) {
        double threshold = parameters.get(MigrationParameter.THROTTLE_TRIGGER_THRESHOLD) / 100.0;
        double allowedBytes = period.sentBytes() * threshold;
        if (tooMany < PERIODS) {
            tooMany += period.dirtiedBytes() > allowedBytes ? 1 : 0;
        }
        if (tooMany < PERIODS) {
            return percents;
        }
        double[] wanted = new double[vcpuPages.length];
        for (int vcpu = 0; vcpu < wanted.length; vcpu++) {
            // What it would write with all of its time.
            wanted[vcpu] = vcpuPages[vcpu] * 100.0 / (100 - percents[vcpu]);
        }
        double least = (double) (parameters.get(MigrationParameter.VCPU_DIRTY_LIMIT) << 20)
                / RamBlock.PAGE_BYTES
                * period.nanos()
                / 1e9;
        double share = divides ? Math.max(least, share(wanted, allowedBytes / RamBlock.PAGE_BYTES)) : least;
        int[] next = new int[wanted.length];
        for (int vcpu = 0; vcpu < wanted.length; vcpu++) {
            next[vcpu] = percent(wanted[vcpu], share);
        }
        return next;
    }

    @Override
    public boolean isAtMost(int percent, MigrationParameters parameters) {
        // Every period may give back.
        return false;
    }

    @Override
    public boolean isInHurry() {
        // Its own period is how soon it was asked to be.
        return false;
    }

    @Override
    public MigrationParameter interval() {
        return MigrationParameter.VCPU_DIRTY_LIMIT_PERIOD;
    }

    /**
     * How much of its time a vCPU has to lose.
     *
     * @param wanted what it would write with all of its time
     * @param allowed what it may write in the same time
     * @return percent, 0 to 99
     */
    public static int percent(double wanted, double allowed) {
        return wanted <= allowed ? 0 : (int) Math.clamp(Math.ceil(100 * (1 - allowed / wanted)), 0, 99);
    }

    /**
     * The most that one may have, if all together may have {@code total} and those who want less leave the rest to the
     * others.
     */
    static double share(double[] wanted, double total) {
        double[] ascending = wanted.clone();
        Arrays.sort(ascending);
        double left = total;
        for (int i = 0; i < ascending.length; i++) {
            double equal = left / (ascending.length - i);
            if (ascending[i] > equal) {
                return equal;
            }
            left -= ascending[i];
        }
        return Double.MAX_VALUE;
    }
}
