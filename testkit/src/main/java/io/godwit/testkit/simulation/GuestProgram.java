// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import java.util.ArrayList;
import java.util.List;

/**
 * What the one guest of a simulated world has done, wherever it ran: the truth that memory and devices are compared
 * with. The program counts; each step writes the count into a page, at its beginning and at its end.
 */
final class GuestProgram {
    private final Baton baton;
    private final Tokens tokens;
    private final long[] written;
    private final List<String> runners = new ArrayList<>();
    private long counter;

    GuestProgram(Baton baton, Tokens tokens, int pages) {
        this.baton = baton;
        this.tokens = tokens;
        this.written = new long[pages];
    }

    int pages() {
        return written.length;
    }

    /** A host lets the guest run from now on: the only one, and with the count where it was. */
    void begins(String host, long atCount) {
        runners.add(host);
        baton.note("guest runs", atCount);
        refuseTwo();
        if (atCount != counter) {
            throw baton.end("the guest goes on at " + host + " with count " + atCount + ", but it came to " + counter);
        }
    }

    /** A host has stopped it. */
    void ends(String host) {
        boolean _ = runners.remove(host);
        baton.note("guest stops", counter);
    }

    private void refuseTwo() {
        if (runners.size() > 1) {
            throw baton.end("the guest runs twice: at " + runners);
        }
        if (!tokens.isHeldBy(runners.getFirst())) {
            throw baton.end("the guest runs at " + runners.getFirst() + ", but " + tokens.holder() + " has its token");
        }
    }

    /** A page is about to be written: what it holds must be what was written there last. Returns the new count. */
    long step(String host, int page, long first, long last) {
        refuseTwo();
        checkPage(host, page, first, last);
        return write(page);
    }

    /** The same before the guest has ever run. */
    long write(int page) {
        counter++;
        written[page] = counter;
        return counter;
    }

    /** A page must hold what was written there last. */
    void checkPage(String host, int page, long first, long last) {
        if (first != written[page] || last != written[page]) {
            throw baton.end("page " + page + " at " + host + " holds " + first + " and " + last + ", but "
                    + written[page] + " was written there last");
        }
    }

    /** Where the guest runs. */
    List<String> runners() {
        return List.copyOf(runners);
    }

    /** How far it has come. */
    long counter() {
        return counter;
    }
}
