// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.ColoExitReason;
import io.godwit.engine.report.ColoMode;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import tools.jackson.databind.node.ObjectNode;

/**
 * An event on its way to the sessions. The thread that it happened on, which may be in the middle of a switchover, only
 * makes this small record; each session's own writer turns it into JSON.
 */
sealed interface Notice {
    /** When it happened. */
    Instant time();

    /** The guest stands still. */
    record Stopped(Instant time) implements Notice {}

    /** The guest runs. */
    record Resumed(Instant time) implements Notice {}

    /** The migration is in another state. */
    record StatusChanged(Instant time, MigrationStatus status) implements Notice {}

    /** COLO is over on this side. */
    record ColoExited(Instant time, ColoMode mode, ColoExitReason reason) implements Notice {}

    /** A walk of the dirty bitmap begins. */
    record PassStarted(Instant time, int pass) implements Notice {}

    /** The guest does not have a device any more. */
    record DeviceDeleted(Instant time, String id) implements Notice {}

    /** The host ends. */
    record Shutdown(Instant time, String reason) implements Notice {}

    /** The event as it goes over the wire. */
    default ObjectNode toJson() {
        ObjectNode event = Json.object();
        long micros = ChronoUnit.MICROS.between(Instant.EPOCH, time());
        event.set(
                "timestamp", Json.object().put("seconds", micros / 1_000_000).put("microseconds", micros % 1_000_000));
        switch (this) {
            case Stopped _ -> event.put("event", "STOP");
            case Resumed _ -> event.put("event", "RESUME");
            case StatusChanged changed ->
                event.put("event", "MIGRATION")
                        .set(
                                "data",
                                Json.object().put("status", changed.status().publicName()));
            case ColoExited exited ->
                event.put("event", "COLO_EXIT")
                        .set(
                                "data",
                                Json.object()
                                        .put("mode", exited.mode().publicName())
                                        .put("reason", exited.reason().publicName()));
            case PassStarted started ->
                event.put("event", "MIGRATION_PASS").set("data", Json.object().put("pass", started.pass()));
            case DeviceDeleted deleted ->
                event.put("event", "DEVICE_DELETED")
                        .set(
                                "data",
                                Json.object()
                                        .put("device", deleted.id())
                                        .put("path", "/machine/peripheral/" + deleted.id()));
            case Shutdown shutdown ->
                event.put("event", "SHUTDOWN")
                        .set("data", Json.object().put("guest", false).put("reason", shutdown.reason()));
        }
        return event;
    }
}
