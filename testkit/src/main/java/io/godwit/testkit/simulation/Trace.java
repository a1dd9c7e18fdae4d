// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

/**
 * What happened in a simulation, in order: a hash of all of it, and if wanted the text. The same seed gives the same
 * trace.
 */
public final class Trace {
    /** LIMIT: the end of a long trace says more than its beginning. */
    private static final int KEPT_CHARACTERS = 4 << 20;

    private final boolean withText;
    private final StringBuilder text = new StringBuilder();
    private long hash = 0x9e3779b97f4a7c15L;
    private long steps;

    /** An empty trace. */
    public Trace(boolean withText) {
        this.withText = withText;
    }

    /** One step of one thread. */
    void step(Turn who, long nanos, String event, long detail) {
        steps++;
        mix(who.number());
        mix(nanos);
        mix(event.hashCode());
        mix(detail);
        if (withText) {
            text.append("%,15d ns  %-28s %s %d%n".formatted(nanos, who.name(), event, detail));
            if (text.length() > KEPT_CHARACTERS) {
                text.delete(0, KEPT_CHARACTERS / 2);
            }
        }
    }

    private void mix(long value) {
        long mixed = (hash ^ value) * 0xff51afd7ed558ccdL;
        hash = mixed ^ mixed >>> 32;
    }

    /** Of all steps. */
    public long hash() {
        return hash;
    }

    /** How many. */
    public long steps() {
        return steps;
    }

    /** The steps in words, one a line; empty if that was not wanted. */
    public String text() {
        return text.toString();
    }
}
