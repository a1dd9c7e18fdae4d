// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

/** What a client sent, in answers: a sentence may quote it, but an answer must not grow with it. */
final class Echo {
    /** LIMIT: longer than any sentence of ours; beginning and end are kept. */
    static final int MAX_CHARACTERS = 4096;

    private static final int HALF = MAX_CHARACTERS / 2;

    private Echo() {}

    /** The text, without its middle if it is long. */
    static String shortened(String text) {
        if (text.length() <= MAX_CHARACTERS) {
            return text;
        }
        int left = text.length() - 2 * HALF;
        return text.substring(0, HALF) + " [" + left + " characters left out] " + text.substring(text.length() - HALF);
    }
}
