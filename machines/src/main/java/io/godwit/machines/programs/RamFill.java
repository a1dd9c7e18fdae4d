// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import java.util.Locale;

/** What guest RAM holds before the program starts. */
public enum RamFill {
    /** Bytes that do not compress, made from a seed. */
    RANDOM,
    /** Nothing: pages stay unallocated until they are touched. */
    ZERO;

    /** The name on the command line: random or zero. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
