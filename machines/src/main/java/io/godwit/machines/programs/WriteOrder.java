// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import java.util.Locale;

/** The order in which a program visits its pages within a sweep. */
public enum WriteOrder {
    /** From the first to the last. */
    SWEEP,
    /** Each page once, far from the one before, and each sweep starts elsewhere. */
    RANDOM;

    /** The name on the command line: sweep or random. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
