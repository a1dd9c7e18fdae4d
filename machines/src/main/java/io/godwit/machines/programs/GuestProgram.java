// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import java.util.Locale;
import java.util.Optional;

/**
 * The programs that our guests run. Each beats on the heartbeat port, every 100 microseconds when it has nothing else
 * to do.
 */
public enum GuestProgram {
    /** Beats for ever and writes to nothing but its control block. */
    IDLE(0),
    /**
     * Rewrites the pages of a working set at a given rate, sweep after sweep. Each page carries the number of the sweep
     * and its own number at both ends, and both are checked before they are rewritten.
     */
    DIRTIER(1),
    /** Steps one byte of each page over all RAM, round and round, and checks the last step before the next one. */
    STEPPER(2),
    /**
     * Does what the dirtier does, one page after the other, and leaves the rest of its share free: it tells the host of
     * the free pages when that asks, takes one into use now and then, and gives them up again when half are in use.
     */
    BALLOONER(3),
    /**
     * Answers the requests of its {@link ServicePort}, one after the other, out of its memory; the first vCPU does, the
     * others idle.
     */
    SERVICE(4);

    private final int code;

    GuestProgram(int code) {
        this.code = code;
    }

    /** What stands for the program in guest RAM. */
    int code() {
        return code;
    }

    static Optional<GuestProgram> ofCode(long code) {
        for (GuestProgram program : values()) {
            if (program.code == code) {
                return Optional.of(program);
            }
        }
        return Optional.empty();
    }

    /** The program with this name as {@link #toString} writes it. */
    public static Optional<GuestProgram> named(String name) {
        for (GuestProgram program : values()) {
            if (program.toString().equals(name)) {
                return Optional.of(program);
            }
        }
        return Optional.empty();
    }

    /** The name on the command line: idle, dirtier, stepper, ballooner or service. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
