// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What is taken from the vCPUs' time when several may take: a vCPU loses what the one wants that wants most, and never
 * more than {@code max-guest-slowdown}.
 *
 * <p>Threads: any.
 */
public final class VcpuTime {
    private final Vcpus vcpus;
    private final Supplier<MigrationParameters> parameters;
    private final List<int[]> takers = new ArrayList<>();

    /** Over vCPUs that nobody else throttles. */
    public VcpuTime(Vcpus vcpus, Supplier<MigrationParameters> parameters) {
        this.vcpus = vcpus;
        this.parameters = parameters;
    }

    /**
     * The vCPUs as one more taker sees them, for as long as this lives: it sets and gives back what it takes itself.
     */
    public synchronized Taker taker() {
        int[] percent = new int[vcpus.count()];
        takers.add(percent);
        return new Taker(percent);
    }

    /** The parameters have changed: what is allowed now holds from now on. */
    public synchronized void parametersChanged() {
        for (int vcpu = 0; vcpu < vcpus.count(); vcpu++) {
            apply(vcpu);
        }
    }

    private synchronized void set(int[] percent, int vcpu, int wanted) {
        if (percent[vcpu] != wanted) {
            percent[vcpu] = wanted;
            apply(vcpu);
        }
    }

    private synchronized int taken(int[] percent, int vcpu) {
        return Math.min(percent[vcpu], allowed());
    }

    private void apply(int vcpu) {
        int most = takers.stream().mapToInt(percent -> percent[vcpu]).max().orElse(0);
        vcpus.throttle(vcpu, Math.min(most, allowed()));
    }

    private int allowed() {
        return (int) parameters.get().get(MigrationParameter.MAX_GUEST_SLOWDOWN);
    }

    /** The vCPUs as one taker sees them. */
    public final class Taker implements Vcpus {
        private final int[] percent;

        private Taker(int[] percent) {
            this.percent = percent;
        }

        /** What a vCPU loses for this taker, in percent: what it wants, or as much of it as is allowed. */
        public int taken(int vcpu) {
            return VcpuTime.this.taken(percent, vcpu);
        }

        @Override
        public void throttle(int vcpu, int wanted) {
            set(percent, vcpu, wanted);
        }

        @Override
        public int count() {
            return vcpus.count();
        }

        @Override
        public void pause(Duration deadline) {
            vcpus.pause(deadline);
        }

        @Override
        public void resume() {
            vcpus.resume();
        }

        @Override
        public Optional<Throwable> failure() {
            return vcpus.failure();
        }

        @Override
        public int[] threadIds() {
            return vcpus.threadIds();
        }

        @Override
        public long[] throttledNanos() {
            return vcpus.throttledNanos();
        }
    }
}
