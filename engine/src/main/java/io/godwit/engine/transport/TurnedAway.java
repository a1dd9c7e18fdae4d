// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

/**
 * Tells of connections that were not let in, without letting a stranger fill the log: the first ones each, then fewer
 * and fewer. One thread.
 */
final class TurnedAway {
    /** LIMIT: so many get a line each. */
    private static final int EACH = 32;

    private final System.Logger log;
    private long count;

    TurnedAway(System.Logger log) {
        this.log = log;
    }

    void tell(String peer, String why) {
        count++;
        boolean quiet = count > EACH && Long.bitCount(count) > 1;
        log.log(
                quiet ? System.Logger.Level.DEBUG : System.Logger.Level.INFO,
                "turned away {0}: {1}{2}",
                peer,
                why,
                count < EACH ? "" : " (" + count + " so far; not each is told any more)");
    }
}
