// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.QmpEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * One move by postcopy between two hosts of a kind, at full speed: asked for as soon as the migration has begun, so
 * that nearly all pages are still missing at the switch.
 *
 * @param stopped when the source told that the guest had stopped
 * @param resumed when the destination told that it ran
 * @param switched when the source told that the destination has the guest
 * @param completed when the source told that all is there
 * @param figures query-migrate of the source at the end
 */
record PostcopyMove(Instant stopped, Instant resumed, Instant switched, Instant completed, JsonNode figures) {
    private static final long SETTLE_NANOS = 1_000_000_000L;

    /** Whom a move is between. */
    enum Kind {
        GODWIT("godwit"),
        GODWIT_PREEMPT("godwit with preempt"),
        QEMU("qemu"),
        QEMU_PREEMPT("qemu with preempt");

        private final String text;

        Kind(String text) {
            this.text = text;
        }

        boolean isQemu() {
            return this == QEMU || this == QEMU_PREEMPT;
        }

        private List<String> capabilities() {
            List<String> names = new ArrayList<>(List.of("events", "postcopy-ram"));
            if (this == GODWIT_PREEMPT || this == QEMU_PREEMPT) {
                names.add("postcopy-preempt");
            }
            return names;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * Sets both sides up, the destination's incoming migration being deferred, leaves the guest to itself for a second,
     * and begins. The guest is on its way when this returns.
     *
     * @param mebibytes of the guest's memory
     * @return the memory into which the guest moves, to be kept until the move is over
     */
    static WarmMemory begin(Kind kind, Host from, Host to, int mebibytes) throws Exception {
        for (Host host : List.of(from, to)) {
            host.capabilities(kind.capabilities().toArray(String[]::new));
        }
        from.limit(0);
        String uri = to.listen();
        LockSupport.parkNanos(SETTLE_NANOS);
        WarmMemory memory = WarmMemory.of(mebibytes);
        try {
            from.migrate(uri);
            JsonNode _ = from.ask("migrate-start-postcopy");
            return memory;
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    /** Begins a move and waits until it is over. */
    static PostcopyMove whole(Kind kind, Host from, Host to, int mebibytes) throws Exception {
        try (WarmMemory _ = begin(kind, from, to, mebibytes)) {
            return end(from, to);
        }
    }

    /** Waits until a move that has begun is over. */
    static PostcopyMove end(Host from, Host to) throws Exception {
        JsonNode figures = from.awaitEnd();
        QmpEvent resumed = to.awaitEvent("RESUME");
        return new PostcopyMove(
                from.awaitEvent("STOP").time(),
                resumed.time(),
                from.awaitEvent("postcopy-active").time(),
                from.awaitEvent("completed").time(),
                figures);
    }

    /** From the guest's stop to its going on, as the two hosts tell of it. */
    double switchMillis() {
        return Duration.between(stopped, resumed).toNanos() / 1e6;
    }

    /** How long pages were on their way after the switch. */
    double pushSeconds() {
        return Duration.between(resumed, completed).toNanos() / 1e9;
    }
}
