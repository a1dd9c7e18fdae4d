// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpEvent;
import io.godwit.control.QmpException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The guest that is captured, as its QEMU tells of it, and what it is told. A connection that was lost is made anew.
 *
 * <p>Threads: one; {@link #letGo} any.
 */
final class SourceGuest implements AutoCloseable {
    /** How long a QEMU may take for an answer; it is silent while it looks for dirty pages. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final Duration LOOK = Duration.ofMillis(10);
    private static final Set<String> ENDED = Set.of("none", "completed", "failed", "cancelled");

    private final CapturePlan plan;
    private final SourceSettings settings = new SourceSettings();
    private final GuestPause pause = new GuestPause();
    private volatile QmpClient client;

    private SourceGuest(CapturePlan plan, QmpClient client) {
        this.plan = plan;
        this.client = client;
    }

    static SourceGuest connect(CapturePlan plan) {
        return new SourceGuest(plan, QmpClient.connect(plan.source(), PATIENCE));
    }

    /** Asks what changes nothing, or what may be said twice. */
    private JsonNode ask(String command, ObjectNode arguments) {
        QmpClient now = client;
        try {
            return now.execute(command, arguments, PATIENCE);
        } catch (QmpConnectionException e) {
            if (now.isConnected()) {
                throw e;
            }
            now.close();
            client = QmpClient.connect(plan.source(), PATIENCE);
            return client.execute(command, arguments, PATIENCE);
        }
    }

    private JsonNode ask(String command) {
        return ask(command, Json.object());
    }

    /** The connection, as it is now. */
    QmpClient client() {
        return client;
    }

    /**
     * Says whether it can be captured now.
     *
     * @return whether it runs
     * @throws CaptureException if it cannot
     */
    boolean requireCapturable() {
        JsonNode migration = ask("query-migrate");
        String status = migration.path("status").asString("none");
        if (!ENDED.contains(status)) {
            throw new CaptureException("The source is migrating already, its query-migrate says " + status
                    + "; wait for the end of that. Nothing was changed there.");
        }
        List<String> reasons = new ArrayList<>();
        migration.path("blocked-reasons").forEach(reason -> reasons.add(reason.asString("")));
        if (!reasons.isEmpty()) {
            throw new CaptureException("The source says that its guest cannot be migrated, and so not captured: "
                    + String.join(" ", reasons) + " The guest was not touched.");
        }
        NeededSettings.refuseUnknown(ask("query-migrate-capabilities"));
        String state = runState();
        return switch (state) {
            case "running" -> true;
            case "paused", "postmigrate", "prelaunch", "suspended", "watchdog", "io-error" -> false;
            default ->
                throw new CaptureException("The guest is in state " + state
                        + ", in which it cannot be captured. Nothing was changed there.");
        };
    }

    /** Puts back what a capture that was killed had changed here; its names, if there was something. */
    Optional<String> putBackLeft() {
        return SettingsNote.read(client, PATIENCE).map(note -> note.putBack(client, PATIENCE));
    }

    /** What QEMU says that the guest does. */
    String runState() {
        String state = ask("query-status").path("status").asString("");
        events();
        return state;
    }

    /** Its query-migrate. */
    JsonNode migration() {
        return ask("query-migrate");
    }

    /** The source is let stop its guest for longer, if its passes do not come to an end. */
    void letConverge(JsonNode migration) {
        if (migration.path("status").asString("").equals("active")) {
            settings.allowPause(
                    client, migration.path("ram").path("dirty-sync-count").asLong(0), PATIENCE);
        }
    }

    /** Sets what a capture needs, and lets the source send its guest. */
    void migrate(String uri) {
        settings.apply(client, plan, PATIENCE);
        events();
        pause.begin();
        client.execute("migrate", Json.object().put("uri", uri), PATIENCE);
    }

    /**
     * The source need not wait for an answer any more: it goes on with its guest as if nothing had been. QEMU does that
     * by itself, at once, whatever becomes of this process. A Godwit has to hear that its guest was refused, which
     * comes next: one that is cancelled so late cannot know whether the guest runs elsewhere.
     */
    void letGo() {
        if (!client.isGodwit()) {
            client.execute("migrate_cancel", PATIENCE);
        }
    }

    /** Takes in what QEMU has told meanwhile. */
    void events() {
        awaitEvents(Duration.ZERO);
    }

    private void awaitEvents(Duration atMost) {
        try {
            Optional<QmpEvent> event = client.nextEvent(atMost);
            while (event.isPresent()) {
                pause.hear(event.get());
                event = client.nextEvent(Duration.ZERO);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether the guest has been stopped since the migration began. */
    boolean hasStopped() {
        return pause.hasBegun();
    }

    /** How long the guest stood still. */
    Optional<Duration> pause() {
        return pause.length();
    }

    /**
     * Brings the source to rest, whatever has happened: no migration, its settings as they were.
     *
     * @param cancel whether a migration that has not ended is to be cancelled; else its end is awaited
     * @param run whether the guest is to run
     * @return the guest's run state then
     */
    String settle(boolean cancel, boolean run) {
        endMigration(cancel);
        try {
            settings.restore(client, PATIENCE);
        } finally {
            if (run) {
                letRun();
            }
        }
        return runState();
    }

    private void letRun() {
        if (Set.of("postmigrate", "finish-migrate").contains(runState())) {
            JsonNode _ = ask("cont");
        }
    }

    /** Whether the source has given its guest away, as it does when it was told that the other side has it. */
    boolean hasGivenAway() {
        return migration().path("status").asString("none").equals("completed");
    }

    private void endMigration(boolean cancel) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        String status = migration().path("status").asString("none");
        boolean told = !cancel;
        while (!ENDED.contains(status) || runState().equals("finish-migrate")) {
            if (System.nanoTime() - deadline > 0) {
                throw new CaptureException("Its migration does not end: query-migrate has said " + status + " for "
                        + TimeUnit.SECONDS.convert(PATIENCE) + " s.");
            }
            if (!told && !ENDED.contains(status) && !status.equals("cancelling")) {
                told = true;
                cancel();
            }
            awaitEvents(LOOK);
            status = migration().path("status").asString("none");
        }
    }

    private void cancel() {
        try {
            JsonNode _ = ask("migrate_cancel");
        } catch (QmpException _) {
            // It has ended meanwhile; the next look says so.
        }
    }

    /** What was changed there and is not as it was; empty if all is. */
    String changedSettings() {
        return settings.changed();
    }

    /** Ends QEMU. */
    void quit() {
        try {
            client.execute("quit", PATIENCE);
        } catch (QmpConnectionException e) {
            if (client.isConnected()) {
                throw e;
            }
        }
    }

    @Override
    public void close() {
        client.close();
    }
}
