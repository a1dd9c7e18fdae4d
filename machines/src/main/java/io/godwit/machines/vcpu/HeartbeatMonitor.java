// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import io.godwit.engine.guest.Outputs;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * The beats of all vCPUs of a guest. The guest as a whole stands still as long as its worst vCPU: questions about the
 * guest are answered for the vCPU that answers worst. Any thread may ask.
 */
public final class HeartbeatMonitor {
    private final List<Heartbeat> vcpus;
    private final Outputs outputs;

    /** For a guest with so many vCPUs. */
    public HeartbeatMonitor(int vcpuCount) {
        List<Heartbeat> heartbeats = new ArrayList<>();
        for (int i = 0; i < vcpuCount; i++) {
            heartbeats.add(new Heartbeat());
        }
        vcpus = List.copyOf(heartbeats);
        outputs = new HeartbeatOutputs(vcpus);
    }

    /** The beats as what the guest puts out. */
    public Outputs outputs() {
        return outputs;
    }

    /** The beats of each vCPU. */
    public List<Heartbeat> vcpus() {
        return vcpus;
    }

    /** Beats of all vCPUs together. */
    public long count() {
        return vcpus.stream().mapToLong(Heartbeat::count).sum();
    }

    /**
     * The earliest of the vCPUs' last beats: since then the guest has not beaten as a whole. Empty until all have
     * beaten.
     */
    public OptionalLong lastBeatNanos() {
        return worst(vcpus.stream().map(Heartbeat::lastNanos).toList(), false);
    }

    /** When every vCPU had beaten on this host for the first time. Empty until then. */
    public OptionalLong firstBeatNanos() {
        return worst(vcpus.stream().map(Heartbeat::firstNanos).toList(), true);
    }

    /**
     * When every vCPU had beaten again after {@code time}; see {@link Heartbeat#firstAfter} for how exact. Empty until
     * then.
     */
    public OptionalLong firstBeatAfter(long time) {
        return worst(vcpus.stream().map(vcpu -> vcpu.firstAfter(time)).toList(), true);
    }

    /**
     * The longest gap of any vCPU that touches the time from {@code from} to {@code to}, in nanoseconds; see {@link
     * Heartbeat#longestGap}.
     */
    public long longestGap(long from, long to) {
        return vcpus.stream().mapToLong(vcpu -> vcpu.longestGap(from, to)).max().orElse(0);
    }

    /** The longest gap of any vCPU from {@code mark} until now, in nanoseconds. */
    public long longestGapSince(long mark) {
        return longestGap(mark, System.nanoTime());
    }

    private static OptionalLong worst(List<OptionalLong> times, boolean latest) {
        long worst = latest ? Long.MIN_VALUE : Long.MAX_VALUE;
        for (OptionalLong time : times) {
            if (time.isEmpty()) {
                return OptionalLong.empty();
            }
            worst = latest ? Math.max(worst, time.getAsLong()) : Math.min(worst, time.getAsLong());
        }
        return OptionalLong.of(worst);
    }
}
