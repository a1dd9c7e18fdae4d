// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpEvent;
import io.godwit.control.QmpException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import tools.jackson.databind.node.ObjectNode;

/**
 * One outgoing migration, from {@code migrate} to its end, or until a postcopy is paused, over QMP: works with Godwit
 * and with QEMU at the other side of the socket.
 *
 * <p>Threads: {@link #run} by one; {@link #cancelAndWait} by a shutdown hook.
 */
final class MigrationRun {
    private static final String PRE_SWITCHOVER = "pre-switchover";

    /** After so long without an answer the view says so. */
    private static final Duration SILENCE = Duration.ofSeconds(2);

    /** A source that was told to resume may take that long to say that it is no longer paused. */
    private static final long RESUME_NANOS = TimeUnit.SECONDS.toNanos(2);

    private volatile QmpClient client;
    private final ProgressView view;
    private final Plan plan;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean started;
    private volatile boolean postcopy;
    private volatile boolean guarded;
    private volatile boolean silent;
    private MigrationSample last = MigrationSample.of(Json.object());

    /**
     * What to do on the way.
     *
     * @param continuing whether to go on by itself from {@code pre-switchover}; else that is left to somebody else
     * @param startsPostcopy whether it is time for {@code migrate-start-postcopy}, which is sent once; never if the
     * source decides
     * @param destination whom to ask about faults
     * @param recovery what brings a paused postcopy back; if nothing does, the run ends with the pause
     * @param patience how long the source may say nothing
     */
    record Plan(
            boolean continuing,
            Predicate<MigrationSample> startsPostcopy,
            Optional<QmpClient> destination,
            Optional<Recovery> recovery,
            Duration patience) {}

    /** A hand in a migration while it runs. */
    @FunctionalInterface
    interface Recovery {
        /** Looks at each sample, and may cut the connection or mend it. */
        void look(MigrationSample sample);
    }

    /** A migration that has not begun. */
    MigrationRun(QmpClient client, ProgressView view, Plan plan) {
        this.client = client;
        this.view = view;
        this.plan = plan;
        tellSilence(client);
    }

    /** The connection to the source, as it is now. */
    QmpClient source() {
        return client;
    }

    /** Whether the guest has been protected: then its end is not that of a move. */
    boolean wasProtected() {
        return guarded;
    }

    /** What was known last, ended or not. */
    MigrationSample last() {
        return last;
    }

    /**
     * Migrates and shows the progress.
     *
     * @return the last sample, with figures if there ever were any; ended, or paused
     * @throws QmpException if the source refuses
     * @throws QmpConnectionException if the source is lost, or silent for too long; {@link #last} is what is known then
     */
    MigrationSample run(String uri) {
        return run(Json.object().put("uri", uri), false);
    }

    /** Goes on with a postcopy that is paused, as {@link #run}; the destination must wait at {@code uri}. */
    MigrationSample resume(String uri) {
        return run(Json.object().put("uri", uri).put("resume", true), true);
    }

    private MigrationSample run(ObjectNode arguments, boolean resuming) {
        try {
            started = true;
            client.execute("migrate", arguments, plan.patience());
            last = follow(resuming);
            view.end(last);
            return last;
        } finally {
            ended.countDown();
        }
    }

    /**
     * Cancels what runs and waits, not for ever, until it has ended. In postcopy there is nothing to go back to: it
     * goes on alone.
     */
    void cancelAndWait() {
        if (!started || ended.getCount() == 0) {
            return;
        }
        if (postcopy) {
            System.err.println("godwit: the guest is at the destination already, so nothing was cancelled; its memory"
                    + " goes on arriving. query-migrate tells how far it is.");
            return;
        }
        if (guarded) {
            System.err.println("godwit: the guest is protected, and stays so; migrate_cancel at the source ends that.");
            return;
        }
        client.whenSilent(Addresses.PATIENCE, () -> {}); // The view belongs to the other thread.
        try {
            client.execute("migrate_cancel", Addresses.PATIENCE);
            if (!ended.await(Addresses.PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                System.err.println("godwit: the source did not say within " + Addresses.PATIENCE.toSeconds()
                        + " s that it has cancelled; ask it with query-migrate.");
            }
        } catch (QmpException | QmpConnectionException e) {
            System.err.println("godwit: cannot cancel, so the migration goes on: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private MigrationSample follow(boolean resuming) {
        boolean waitsToContinue = plan.continuing();
        boolean waitsForPostcopy = !resuming;
        long resumeDeadline = System.nanoTime() + (resuming ? RESUME_NANOS : 0);
        while (true) {
            MigrationSample sample = askSource();
            postcopy = sample.isPostcopy();
            guarded |= sample.isProtected();
            if (sample.isEnded()) {
                return sample.hasFigures() ? sample : last.endedAs(sample.status(), sample.error());
            }
            last = withFaults(sample.withRateSince(last).withThrottleSince(last), last.faults());
            boolean stillPaused = sample.isPaused() && System.nanoTime() - resumeDeadline < 0;
            if (sample.isPaused() && plan.recovery().isEmpty() && !stillPaused) {
                return last;
            }
            resumeDeadline = stillPaused ? resumeDeadline : System.nanoTime();
            view.show(last);
            if (waitsForPostcopy && plan.startsPostcopy().test(last)) {
                waitsForPostcopy = false;
                startPostcopy();
            }
            if (waitsToContinue && sample.status().equals(PRE_SWITCHOVER)) {
                waitsToContinue = false;
                client.execute("migrate-continue", Json.object().put("state", PRE_SWITCHOVER), plan.patience());
            }
            if (plan.recovery().isPresent()) {
                plan.recovery().get().look(last);
            }
            awaitNews(view.interval());
        }
    }

    /** Where only the connection was lost, and not the source, there is soon a new one. */
    private MigrationSample askSource() {
        try {
            return query();
        } catch (QmpConnectionException e) {
            if (client.isConnected()) {
                throw e;
            }
            client = QmpClient.connect(client.address(), plan.patience());
            tellSilence(client);
            return query();
        }
    }

    private MigrationSample query() {
        MigrationSample sample = MigrationSample.of(client.execute("query-migrate", plan.patience()));
        if (silent) {
            silent = false;
            view.note("The source answers again.");
        }
        return sample;
    }

    private void tellSilence(QmpClient source) {
        source.whenSilent(SILENCE, () -> {
            silent = true;
            view.note("The source " + source.address() + " has not answered for " + SILENCE.toSeconds()
                    + " s. The migration is the source's, so it may go on. Asking for "
                    + plan.patience().toSeconds() + " s in all.");
        });
    }

    /** What ended, or switched by itself, before it was told to is refused, and the next sample says what it is. */
    private void startPostcopy() {
        try {
            client.execute("migrate-start-postcopy", plan.patience());
        } catch (QmpException e) {
            MigrationSample now = query();
            if (!now.isEnded() && !now.isPostcopy()) {
                throw e;
            }
        }
    }

    private MigrationSample withFaults(MigrationSample sample, Optional<FaultSample> earlier) {
        if (!sample.isPostcopy() || plan.destination().isEmpty()) {
            return sample;
        }
        try {
            QmpClient destination = plan.destination().get();
            return sample.withFaults(
                    FaultSample.of(destination.execute("x-godwit-statistics", Addresses.PATIENCE), earlier));
        } catch (QmpConnectionException e) {
            // The migration is the source's to tell; what the destination adds is for the eye.
            return sample.withFaults(earlier);
        }
    }

    /**
     * Waits for the interval, or until an event says that the migration has ended or waits. Other events are left
     * alone: to ask the source in the middle of its switchover would only disturb it.
     */
    private void awaitNews(Duration interval) {
        long deadline = System.nanoTime() + interval.toNanos();
        try {
            while (true) {
                Optional<QmpEvent> event =
                        client.nextEvent(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
                if (event.isEmpty() || isAwaited(event.get())) {
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted.", e);
        }
    }

    private static boolean isAwaited(QmpEvent event) {
        return event.name().equals("MIGRATION")
                && switch (event.data().path("status").asString("")) {
                    case "completed",
                            "failed",
                            "cancelled",
                            "colo",
                            "postcopy-active",
                            "postcopy-paused",
                            PRE_SWITCHOVER -> true;
                    default -> false;
                };
    }
}
