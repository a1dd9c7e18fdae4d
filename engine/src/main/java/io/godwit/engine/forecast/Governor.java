// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import io.godwit.engine.policy.AutoConverge;
import io.godwit.engine.policy.DirtyLimit;
import io.godwit.engine.policy.ThrottlePolicy;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.Arrays;
import java.util.Optional;

/**
 * Throttles a simulated guest by the policies of real migrations, whenever its dirty pages have been counted. One
 * simulation uses it.
 */
final class Governor {
    /** A guest is judged by no less than this. */
    private static final double PERIOD_NANOS = 1e9;

    private final MigrationParameters parameters;
    private final Optional<ThrottlePolicy> policy;
    private final double intervalNanos;
    private int[] percents;
    private double sinceNanos;
    private double dirtiedPages;
    private double sentBytes;

    /**
     * A governor of a guest.
     *
     * @param percent that is taken from its vCPUs already
     */
    Governor(Method method, Conditions conditions, int vcpus, int percent) {
        this.parameters = conditions.parameters();
        this.policy = policy(method, conditions.rule());
        this.percents = new int[vcpus];
        Arrays.fill(percents, percent);
        this.intervalNanos = switch (conditions.rule()) {
            case GODWIT ->
                policy.map(one -> parameters.get(one.interval()) * 1e6).orElse(0.0);
            case QEMU -> 0;
        };
    }

    private static Optional<ThrottlePolicy> policy(Method method, StoppingRule rule) {
        return switch (method) {
            case AUTO_CONVERGE ->
                Optional.of(
                        switch (rule) {
                            case GODWIT -> new AutoConverge();
                            case QEMU -> AutoConverge.ofQemu();
                        });
            case DIRTY_LIMIT ->
                Optional.of(
                        switch (rule) {
                            case GODWIT -> new DirtyLimit();
                            case QEMU -> DirtyLimit.ofQemu();
                        });
            case PRECOPY, POSTCOPY, PRECOPY_THEN_POSTCOPY -> Optional.empty();
        };
    }

    /** What share of the guest's time is taken from it now. */
    double taken() {
        return Arrays.stream(percents).average().orElse(0) / 100;
    }

    /** Whether what it takes never changes. */
    boolean isSteady() {
        return policy.isEmpty();
    }

    /** How long a pass goes on before it is judged; infinite if only at its end. */
    double intervalNanos() {
        return intervalNanos > 0 ? intervalNanos : Double.POSITIVE_INFINITY;
    }

    /** Judges what was dirtied and sent since the last time; {@code endsPass} if a pass has ended. */
    void judge(double nanos, double pages, double bytes, boolean endsPass) {
        sinceNanos += nanos;
        dirtiedPages += pages;
        sentBytes += bytes;
        if (policy.isEmpty() || sinceNanos < Math.min(PERIOD_NANOS, intervalNanos())) {
            return;
        }
        long[] vcpuPages = new long[percents.length];
        Arrays.fill(vcpuPages, (long) (dirtiedPages / vcpuPages.length));
        ThrottlePolicy.Period period = new ThrottlePolicy.Period(
                (long) sinceNanos, (long) (dirtiedPages * PassSimulator.PAGE_BYTES), (long) sentBytes, endsPass);
        int[] wanted = policy.get().judge(period, vcpuPages, percents, parameters);
        int most = (int) parameters.get(MigrationParameter.MAX_GUEST_SLOWDOWN);
        percents = Arrays.stream(wanted).map(one -> Math.min(one, most)).toArray();
        sinceNanos = 0;
        dirtiedPages = 0;
        sentBytes = 0;
    }
}
