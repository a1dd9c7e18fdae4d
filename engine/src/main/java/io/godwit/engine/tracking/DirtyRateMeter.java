// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.guest.DirtyTracker;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.tracking.DirtyRate.Figures;
import io.godwit.engine.tracking.DirtyRate.Stage;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * Measures one guest's dirty rate, one measurement at a time, on the thread {@code dirty-rate}.
 *
 * <p>Who calls {@link #start} vouches that nobody else uses the guest's tracker, if the mode needs it, and calls {@link
 * #yieldTracker} before somebody does; and that all of the guest's memory is there.
 *
 * <p>Threads: any. No lock is held while memory is read or the tracker is asked.
 */
public final class DirtyRateMeter implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(DirtyRateMeter.class.getName());

    /**
     * LIMIT: a harvest takes milliseconds, a walk over 4 million samples some seconds; a walk looks at each page
     * whether it must end.
     */
    private static final Duration END_PATIENCE = Duration.ofSeconds(10);

    private final RamBlocks blocks;
    private final DirtyTracker tracker;
    private final Environment environment;
    private final MonotonicClock clock;
    private final InstantSource wallClock;
    private final Lock lock;
    private final Condition changed;
    private volatile DirtyRate latest = DirtyRate.NONE;
    private volatile String endReason = "";
    private long seed;
    private boolean running;

    /**
     * A meter that has measured nothing yet.
     *
     * @param seed of the choice of sampled pages
     */
    public DirtyRateMeter(
            RamBlocks blocks, DirtyTracker tracker, Environment environment, InstantSource wallClock, long seed) {
        this.blocks = blocks;
        this.tracker = tracker;
        this.environment = environment;
        this.clock = environment.clock();
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
        this.wallClock = wallClock;
        this.seed = seed;
    }

    /**
     * Begins to measure and returns at once.
     *
     * @throws MigrationException.Refused if a measurement runs, or the guest's tracker cannot do it
     */
    public void start(DirtyRateRequest request) {
        lock.lock();
        try {
            if (running) {
                throw new MigrationException.Refused("A measurement of the dirty rate runs already, of "
                        + latest.calcMillis() + " ms; wait until query-dirty-rate says that it has measured.");
            }
            if (request.mode() == DirtyRateMode.DIRTY_RING && tracker.vcpuPages().length == 0) {
                throw new MigrationException.Refused("The mode dirty-ring needs a tracker that tells vCPUs apart; this"
                        + " guest's is the " + tracker.description() + ".");
            }
            Measurement measurement = measurement(request);
            endReason = "";
            latest =
                    picture(new Stage.Measuring(), request, wallClock.instant().getEpochSecond(), request.calcMillis());
            running = true;
            begin(measurement);
        } finally {
            lock.unlock();
        }
    }

    private void begin(Measurement measurement) {
        try {
            Worker _ = environment.start(ThreadRole.DIRTY_RATE, () -> measure(measurement));
        } catch (Error e) {
            end(new Stage.Unstarted(Optional.of(MigrationException.sentence(e))), 0);
        }
    }

    private Measurement measurement(DirtyRateRequest request) {
        RamBlocks.Snapshot ram = blocks.snapshot();
        return switch (request.mode()) {
            case PAGE_SAMPLING -> new SampledPages(ram, request, ++seed);
            case DIRTY_RING, DIRTY_BITMAP -> new TrackedPages(ram, tracker, request);
        };
    }

    /** A picture of the latest measurement. */
    public DirtyRate latest() {
        return latest;
    }

    /**
     * Ends a measurement that uses the guest's tracker, with what it has, and waits until the tracker is free: for one
     * harvest at most. One that samples pages goes on.
     *
     * @throws MigrationException.Refused if it did not end in time
     */
    public void yieldTracker(String reason) {
        lock.lock();
        try {
            if (running && latest.mode().needsTracker() && !endNow(reason)) {
                throw new MigrationException.Refused("The measurement of the dirty rate has not ended within "
                        + END_PATIENCE.toSeconds() + " s, and it has the guest's tracker.");
            }
        } finally {
            lock.unlock();
        }
    }

    /** Ends a measurement and waits for its end: after this nobody reads the guest's memory here. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (running && !endNow("this host is ending")) {
                LOG.log(
                        System.Logger.Level.ERROR,
                        "the measurement of the dirty rate has not ended within " + END_PATIENCE.toSeconds() + " s");
            }
        } finally {
            lock.unlock();
        }
    }

    private boolean endNow(String reason) {
        endReason = reason;
        changed.signalAll();
        long left = END_PATIENCE.toNanos();
        try {
            while (running && left > 0) {
                left = changed.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return !running;
    }

    private void measure(Measurement measurement) {
        long startNanos = clock.nanoTime();
        Stage stage;
        try {
            Optional<Figures> figures = measurement.run(new Until());
            Optional<String> reason = Optional.of(endReason).filter(text -> !text.isEmpty());
            stage = figures.isPresent()
                    ? new Stage.Measured(figures.get(), reason)
                    : new Stage.Unstarted(Optional.of(reason.orElse("not all of the guest's memory is there")));
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.WARNING, "the dirty rate could not be measured", e);
            stage = new Stage.Unstarted(Optional.of(MigrationException.sentence(e)));
        }
        long elapsedMillis = TimeUnit.NANOSECONDS.toMillis(clock.nanoTime() - startNanos);
        try {
            measurement.release();
        } catch (RuntimeException | Error e) {
            // It makes the guest slower; it decides nothing.
            LOG.log(System.Logger.Level.WARNING, "dirty tracking could not be stopped", e);
        } finally {
            end(stage, elapsedMillis);
        }
    }

    private void end(Stage stage, long calcMillis) {
        lock.lock();
        try {
            DirtyRate begun = latest;
            latest = new DirtyRate(stage, begun.startEpochSeconds(), calcMillis, begun.samplePages(), begun.mode());
            running = false;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private static DirtyRate picture(Stage stage, DirtyRateRequest request, long startSeconds, long calcMillis) {
        return new DirtyRate(stage, startSeconds, calcMillis, request.samplePages(), request.mode());
    }

    private final class Until implements Measurement.Wait {
        @Override
        public long nanoTime() {
            return clock.nanoTime();
        }

        @Override
        public boolean isOver() {
            return !endReason.isEmpty();
        }

        @Override
        public boolean until(long deadlineNanos) {
            lock.lock();
            try {
                long left = deadlineNanos - clock.nanoTime();
                while (!isOver() && left > 0) {
                    long _ = changed.awaitNanos(left);
                    left = deadlineNanos - clock.nanoTime();
                }
                return !isOver();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            } finally {
                lock.unlock();
            }
        }
    }
}
