// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outcome;

/** Who owns the guest after a migration has ended: the first question of every failure. */
public enum GuestOwner {
    /** This side: it runs here, or is stopped here as it was before. */
    HERE("the guest is here, as it was"),
    /** The other side has taken it over. */
    PEER("the guest belongs to the other side now"),
    /**
     * Nobody knows. It runs on neither side by Godwit's doing; here it is stopped with its memory whole. An operator
     * who has looked at the other side may let it go on with {@code cont}.
     */
    UNDECIDED("the guest is stopped here with its memory whole, and whether the other side took it over is not known:"
            + " look there first, then 'cont' here or 'quit' here");

    private final String sentence;

    GuestOwner(String sentence) {
        this.sentence = sentence;
    }

    /** The same in words, to end an error message with. */
    public String sentence() {
        return sentence;
    }
}
