// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.kvm;

/**
 * Model specific registers and their values, and the ones that KVM refused. Arrays are the record's own: do not change
 * them.
 *
 * @param indices numbers of the registers that were read
 * @param values their values, in the same order
 * @param refused numbers of the registers that KVM would not read
 */
@SuppressWarnings("ArrayRecordComponent") // raw kernel values that go straight into a device section
public record MsrValues(int[] indices, long[] values, int[] refused) {
    /** Checks that each register has a value. */
    public MsrValues {
        if (indices.length != values.length) {
            throw new IllegalArgumentException(
                    "%d MSR numbers, but %d values".formatted(indices.length, values.length));
        }
    }
}
