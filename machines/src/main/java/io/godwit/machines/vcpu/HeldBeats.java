// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

/**
 * Beats of one vCPU that the world has not heard yet, by the epochs to which they belong. A beat has no content, so
 * beats that wait are a number: they take no memory, however many they are.
 *
 * <p>Threads: the vCPU's thread adds; one other calls the rest, all but {@link #release} and {@link #count} with the
 * vCPU paused.
 */
final class HeldBeats {
    // LIMIT: epochs that wait for their release; of more than that the newest are released together.
    private static final int EPOCHS = 64;

    private final long[] epochs = new long[EPOCHS];
    private final long[] beats = new long[EPOCHS];
    private int first;
    private int waiting;
    private volatile boolean holding;
    private volatile long inOpenEpoch;
    private volatile long inClosedEpochs;

    boolean isHolding() {
        return holding;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    void add() {
        inOpenEpoch++;
    }

    void hold() {
        holding = true;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    void closeEpoch(long epoch) {
        if (waiting < EPOCHS) {
            beats[(first + waiting++) % EPOCHS] = 0;
        }
        int newest = (first + waiting - 1) % EPOCHS;
        epochs[newest] = epoch;
        beats[newest] += inOpenEpoch;
        inClosedEpochs += inOpenEpoch;
        inOpenEpoch = 0;
    }

    /** Takes out the beats of all epochs up to this one. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    long release(long upTo) {
        long released = 0;
        while (waiting > 0 && epochs[first] <= upTo) {
            released += beats[first];
            first = (first + 1) % EPOCHS;
            waiting--;
        }
        inClosedEpochs -= released;
        return released;
    }

    /** Takes out all beats and holds none from now on. */
    long end() {
        long released = inClosedEpochs + inOpenEpoch;
        waiting = 0;
        inClosedEpochs = 0;
        inOpenEpoch = 0;
        holding = false;
        return released;
    }

    long count() {
        return inOpenEpoch + inClosedEpochs;
    }
}
