// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.relay;

import java.util.List;

/**
 * What has passed so far. Bytes are counted always; the rest only as far as the bytes could be read.
 *
 * @param connections that carried anything
 * @param open of them still open
 * @param forwardBytes from the source to the destination
 * @param backBytes from the destination to the source
 * @param pages with content
 * @param zeroPages pages of zeros, which have no content on the wire
 * @param preemptPages of all of them, those on the connection of requested pages
 * @param requests for pages, by the destination
 * @param postcopy whether the guest went over before its memory
 * @param complete whether the source's stream was whole
 * @param lastWord the last that the destination said; empty if nothing
 * @param firstEnd which side ended first; empty while both are there
 * @param notes where figures end, and what went wrong, in sentences
 */
public record RelayFigures(
        int connections,
        int open,
        long forwardBytes,
        long backBytes,
        long pages,
        long zeroPages,
        long preemptPages,
        long requests,
        boolean postcopy,
        boolean complete,
        String lastWord,
        String firstEnd,
        List<String> notes) {
    /** What the destination says when the guest is its own. */
    public static final String SHUT = "SHUT 0";

    /** Keeps its own copy of the notes. */
    public RelayFigures {
        notes = List.copyOf(notes);
    }

    /**
     * Whether the guest is known to have arrived, or a stream without a way back was whole and its destination did not
     * break off.
     */
    public boolean arrived() {
        return lastWord.equals(SHUT) || (wholeWithoutWord() && !firstEnd.equals("destination"));
    }

    /** Whether a stream without a way back was whole. */
    public boolean wholeWithoutWord() {
        return complete && backBytes == 0;
    }
}
