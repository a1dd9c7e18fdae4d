// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

/** A guest was not restored, or not wholly. The sentence says what happened, who has it now, and what to do. */
public final class RestoreException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final boolean guestRuns;

    /** Before the guest ran anywhere: the store has it as before. */
    RestoreException(String sentence) {
        this(sentence, false);
    }

    /**
     * With who has the guest.
     *
     * @param guestRuns whether it goes on at the destination, which lacks a part of its memory
     */
    RestoreException(String sentence, boolean guestRuns) {
        super(sentence);
        this.guestRuns = guestRuns;
    }

    /** Whether the guest goes on at the destination, which lacks a part of its memory. */
    public boolean guestRuns() {
        return guestRuns;
    }
}
