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

/**
 * One outgoing migration, from {@code migrate} to its end, over QMP: works with Godwit and with QEMU at the other side of the socket.
 *
 * <p>Threads: {@link #run} by one; {@link #cancelAndWait} by a shutdown hook.
 */
final class MigrationRun {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final String PRE_SWITCHOVER = "pre-switchover";
    private static final Duration CANCEL_PATIENCE = Duration.ofSeconds(10);

    private final QmpClient client;
    private final ProgressView view;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final boolean continuing;
    private volatile boolean started;

    /**
     * A migration that has not begun.
     *
     * @param continuing whether to go on by itself from {@code pre-switchover}; else that is left to somebody else
     */
    MigrationRun(QmpClient client, ProgressView view, boolean continuing) {
        this.client = client;
        this.view = view;
        this.continuing = continuing;
    }

    /**
     * Migrates and shows the progress.
     *
     * @return the last sample, with figures if there ever were any
     * @throws QmpException if the source refuses
     * @throws QmpConnectionException if the source is lost
     */
    MigrationSample run(String uri) {
        try {
            client.execute("migrate", Json.object().put("uri", uri), PATIENCE);
            started = true;
            MigrationSample last = follow();
            view.end(last);
            return last;
        } finally {
            ended.countDown();
        }
    }

    /** Cancels what runs and waits, not for ever, until it has ended. */
    void cancelAndWait() {
        if (!started || ended.getCount() == 0) {
            return;
        }
        try {
            client.execute("migrate_cancel", PATIENCE);
            if (!ended.await(CANCEL_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                System.err.println("godwit: the source did not say within " + CANCEL_PATIENCE.toSeconds()
                        + " s that it has cancelled; ask it with query-migrate.");
            }
        } catch (QmpException | QmpConnectionException e) {
            System.err.println("godwit: cannot cancel: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private MigrationSample follow() {
        MigrationSample last = MigrationSample.of(Json.object());
        boolean waitsToContinue = continuing;
        while (true) {
            MigrationSample sample = MigrationSample.of(client.execute("query-migrate", PATIENCE));
            if (sample.isEnded()) {
                return sample.hasFigures() ? sample : last.endedAs(sample.status(), sample.error());
            }
            last = sample.withRateSince(last);
            view.show(last);
            if (waitsToContinue && sample.status().equals(PRE_SWITCHOVER)) {
                waitsToContinue = false;
                client.execute("migrate-continue", Json.object().put("state", PRE_SWITCHOVER), PATIENCE);
            }
            awaitNews(view.interval());
        }
    }

    /**
     * Waits for the interval, or until an event says that the migration has ended or waits. Other events are left alone: to ask the source in the
     * middle of its switchover would only disturb it.
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
                    case "completed", "failed", "cancelled", PRE_SWITCHOVER -> true;
                    default -> false;
                };
    }
}
