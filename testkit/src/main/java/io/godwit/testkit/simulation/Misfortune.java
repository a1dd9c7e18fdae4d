// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import java.util.SplittableRandom;

/**
 * A fault that hits one connection.
 *
 * @param amount what it is measured in, {@link Fault} says
 */
record Misfortune(Fault fault, long amount) {
    static final Misfortune NONE = new Misfortune(Fault.NONE, 0);

    private static final int FIRST_BYTES = 512;
    private static final int MOST_WRITES = 200;
    private static final int LONGEST_STALL_MICROS = 400_000;

    /** One that the seed chooses, for a connection that carries about so many bytes. */
    static Misfortune choose(SplittableRandom random, long bytes) {
        Fault[] all = Fault.values();
        Fault fault = all[random.nextInt(all.length)];
        return new Misfortune(
                fault,
                switch (fault) {
                    case NONE, REFUSE_CONNECTION -> 0;
                    // The beginning and the end of a stream have more to them than its middle.
                    case CUT_AFTER_BYTES ->
                        random.nextInt(4) == 0 ? random.nextLong(FIRST_BYTES) : random.nextLong(bytes);
                    case CUT_BACK_AFTER_BYTES -> random.nextLong(FIRST_BYTES);
                    case CUT_AT_WRITE -> random.nextLong(MOST_WRITES);
                    case STALL -> random.nextLong(LONGEST_STALL_MICROS);
                });
    }

    /** Whether it is this fault, and has come to its amount. */
    boolean strikes(Fault which, long now) {
        return fault == which && now >= amount;
    }
}
