// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.programs.TouchCounts;
import io.godwit.machines.vcpu.Heartbeat;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a guest says of itself at one moment.
 *
 * @param kind what runs it
 * @param identity who it is
 * @param memoryBytes all of its memory
 * @param tracker what tracks its writes
 * @param workPages pages that its program has rewritten in all its life, on all hosts
 * @param guestBeats heartbeats as its program counts them, likewise
 * @param mismatches pages that did not hold what the program wrote there last, likewise
 * @param nowNanos when this was asked, on the host's monotonic clock, as all moments here
 * @param firstMismatch the first of the mismatches
 * @param failure why the guest stopped by itself, if it did
 * @param touches how often the touch of a page took how long
 * @param vcpus each vCPU, in order
 */
public record GuestFigures(
        GuestKind kind,
        String identity,
        long memoryBytes,
        String tracker,
        long workPages,
        long guestBeats,
        long mismatches,
        long nowNanos,
        Optional<String> firstMismatch,
        Optional<String> failure,
        List<Touches> touches,
        List<Vcpu> vcpus) {
    /** So many touches took up to so many cycles. */
    public record Touches(long upToCycles, long count) {}

    /**
     * One vCPU.
     *
     * @param beats heartbeats that this host has heard
     * @param workPages pages that its program has rewritten in all its life
     * @param throttledNanos for how long a throttle has kept it from running on this host
     * @param lastBeatNanos its last beat
     * @param firstBeatNanos its first beat after the moment that was asked for
     * @param longestGapNanos the longest time without a beat in the window that was asked for, if there was one
     */
    public record Vcpu(
            long beats,
            long workPages,
            long throttledNanos,
            OptionalLong lastBeatNanos,
            OptionalLong firstBeatNanos,
            OptionalLong longestGapNanos) {}

    static GuestFigures of(Machine machine, HeartbeatQuery query) {
        return new GuestFigures(
                machine.kind(),
                machine.identity().toString(),
                machine.ram().snapshot().totalBytes(),
                machine.dirtyTracker().description(),
                machine.workPages(),
                machine.guestBeats(),
                machine.mismatches(),
                System.nanoTime(),
                machine.firstMismatch().map(Object::toString),
                machine.failure().map(Throwable::toString),
                touches(machine.touches()),
                vcpus(machine, query));
    }

    private static List<Touches> touches(long[] counts) {
        List<Touches> touches = new ArrayList<>();
        for (int bucket = 0; bucket < counts.length; bucket++) {
            if (counts[bucket] != 0) {
                touches.add(new Touches(TouchCounts.upToCycles(bucket), counts[bucket]));
            }
        }
        return touches;
    }

    private static List<Vcpu> vcpus(Machine machine, HeartbeatQuery query) {
        List<Vcpu> vcpus = new ArrayList<>();
        long[] workPages = machine.vcpuWorkPages();
        long[] throttledNanos = machine.vcpus().throttledNanos();
        for (Heartbeat heartbeat : machine.heartbeats().vcpus()) {
            int index = vcpus.size();
            vcpus.add(new Vcpu(
                    heartbeat.count(),
                    workPages[index],
                    throttledNanos[index],
                    heartbeat.lastNanos(),
                    heartbeat.firstAfter(query.afterNanos()),
                    query.toNanos() > query.fromNanos()
                            ? OptionalLong.of(heartbeat.longestGap(query.fromNanos(), query.toNanos()))
                            : OptionalLong.empty()));
        }
        return vcpus;
    }

    /**
     * Which heartbeats are asked for, on the host's monotonic clock.
     *
     * @param afterNanos the first beat after this moment
     * @param fromNanos where the window for the longest gap begins
     * @param toNanos where it ends
     */
    public record HeartbeatQuery(long afterNanos, long fromNanos, long toNanos) {}
}
