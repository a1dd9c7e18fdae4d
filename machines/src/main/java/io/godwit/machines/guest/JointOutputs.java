// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.guest.Outputs;

/**
 * Two kinds of outputs of one guest, whose epochs are the same.
 *
 * @param one counts the epochs
 * @param other counts the same
 */
record JointOutputs(Outputs one, Outputs other) implements Outputs {
    @Override
    public void hold() {
        one.hold();
        other.hold();
    }

    @Override
    public long closeEpoch() {
        long number = one.closeEpoch();
        long same = other.closeEpoch();
        if (number != same) {
            throw new IllegalStateException("epochs %d and %d of one guest".formatted(number, same));
        }
        return number;
    }

    @Override
    public void release(long upTo) {
        one.release(upTo);
        other.release(upTo);
    }

    @Override
    public void passThrough() {
        one.passThrough();
        other.passThrough();
    }

    @Override
    public void drop() {
        one.drop();
        other.drop();
    }

    @Override
    public long heldCount() {
        return one.heldCount() + other.heldCount();
    }
}
