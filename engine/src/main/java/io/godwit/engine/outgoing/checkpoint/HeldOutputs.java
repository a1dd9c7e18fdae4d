// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Outputs;
import io.godwit.engine.guest.Traffic;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What the primary's guest says to the world until the secondary can stand for it: held until the other guest says the
 * same ({@link Comparison}), or until the next checkpoint is in. Threads: {@code mig-outgoing}, but for {@link #told}.
 */
final class HeldOutputs {
    /** LIMIT: half of what a guest's traffic tells before it makes its clients wait for the next checkpoint. */
    static final long MANY_REQUESTS = 65_536;

    private final CheckpointTimer timer;
    private final AtomicLong told = new AtomicLong();
    private final Optional<Outputs> outputs;
    private final Optional<Traffic> traffic;
    private final Optional<Comparison> comparison;
    private long takenAnswer;
    private long takenEpoch;
    private boolean held;

    /**
     * Nothing is held yet.
     *
     * @param compares whether the other guest's answers come; else all outputs wait for checkpoints
     */
    HeldOutputs(Guest guest, boolean compares, CheckpointTimer timer, ColoProgress progress, Environment environment) {
        this.timer = timer;
        this.traffic = compares ? guest.traffic() : Optional.empty();
        this.comparison = traffic.map(one -> new Comparison(one, timer, progress, environment));
        // What cannot be compared waits for checkpoints.
        this.outputs = traffic.isPresent() ? Optional.empty() : guest.outputs();
    }

    /** The comparison, where there is one. */
    Optional<Comparison> comparison() {
        return comparison;
    }

    /** The guest stands still: from now on outputs are held, and the secondary hears of requests. */
    void hold(Mirror mirror) {
        held = true;
        traffic.ifPresent(one -> one.replicate(new ToSecondary(mirror)));
        outputs.ifPresent(Outputs::hold);
    }

    /** The secondary was told of a request, which it keeps until a checkpoint covers it. On a client's thread. */
    void told() {
        if (told.incrementAndGet() == MANY_REQUESTS) {
            timer.ask(MANY_REQUESTS + " requests have come since the last one");
        }
    }

    /** The guest stands still and its state is taken. */
    void taken() {
        told.set(0);
        timer.taken();
        takenAnswer = traffic.map(Traffic::answered).orElse(0L);
        takenEpoch = outputs.map(Outputs::closeEpoch).orElse(0L);
        comparison.ifPresent(Comparison::taken);
    }

    /** The secondary has what was taken. */
    void received() {
        traffic.ifPresent(one -> one.release(takenAnswer));
        outputs.ifPresent(one -> one.release(takenEpoch));
    }

    /** There is no secondary any more; the guest stands still. */
    void alone() {
        if (held) {
            held = false;
            traffic.ifPresent(Traffic::alone);
            outputs.ifPresent(Outputs::passThrough);
        }
    }

    /** This host may not let anything leave any more; the guest stands still. */
    void drop() {
        if (held) {
            held = false;
            traffic.ifPresent(Traffic::drop);
            outputs.ifPresent(Outputs::drop);
        }
    }

    /** How many wait. Any thread. */
    long count() {
        return outputs.map(Outputs::heldCount)
                .orElseGet(() -> traffic.map(Traffic::heldCount).orElse(0L));
    }

    /** When the oldest answer was given that the other guest has not given yet; empty if there is none. */
    OptionalLong oldestUnmatchedNanos() {
        return comparison.map(Comparison::oldestNanos).orElse(OptionalLong.empty());
    }

    /** What goes to the secondary, on the guest's and its clients' threads. */
    private final class ToSecondary implements Traffic.Peer {
        private final Mirror mirror;

        ToSecondary(Mirror mirror) {
            this.mirror = mirror;
        }

        @Override
        public void request(long number, byte[] content) {
            mirror.request(number, content);
            told();
        }

        @Override
        public boolean answer(long number, byte[] content) {
            return comparison.isPresent() && comparison.get().ours(number, content);
        }
    }
}
