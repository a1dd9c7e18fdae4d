// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.engine.outcome.MigrationException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The report of one migration, for scripts: one JSON object with always the same members. What nobody can tell (a pause
 * at the heartbeat of a QEMU guest, say) is null.
 */
final class Report {
    private final ObjectNode json;

    /** One with other members. */
    Report(ObjectNode json) {
        this.json = json;
    }

    /** What the source alone can tell. */
    Report(MigrationSample last, SourceFigures source) {
        this(last, source, Optional.empty(), Optional.empty(), Json.object());
    }

    /** With what was measured on both sides. */
    Report(
            MigrationSample last,
            SourceFigures source,
            Optional<Pause> pause,
            Optional<Verification> verification,
            JsonNode destinationStatistics) {
        this(Json.object());
        json.put("status", last.status());
        putText("guest", source.guest().path("kind"));
        json.put("totalTimeMillis", last.totalTimeMillis());
        json.put("setupTimeMillis", last.setupTimeMillis());
        json.put("downtimeMillis", last.downtimeMillis());
        json.putNull("guestPauseMicros");
        json.putNull("guestPauseBeforeMicros");
        pause.ifPresent(p -> {
            json.put("guestPauseMicros", p.acrossMicros());
            json.put("guestPauseBeforeMicros", p.beforeMicros());
        });
        json.put("transferredBytes", last.transferredBytes());
        json.put("throughputBytesPerSecond", last.throughputBytesPerSecond());
        json.put("passes", last.pass());
        json.set("pages", Json.object().put("normal", last.normalPages()).put("zero", last.zeroPages()));
        verification.ifPresentOrElse(v -> json.set("verification", v.toJson()), () -> json.putNull("verification"));
        DowntimeBreakdown parts = new DowntimeBreakdown(source.statistics(), destinationStatistics);
        if (!parts.isEmpty()) {
            json.set("downtimeParts", parts.toJson());
        }
        pause.ifPresent(p -> json.put("x-handoverGapMicros", p.handoverMicros()));
        FaultReport.of(source.statistics(), destinationStatistics)
                .ifPresentOrElse(
                        faults -> json.set("postcopy", postcopy(faults, pause)), () -> json.putNull("postcopy"));
        JsonNode waits = source.statistics().path("waits");
        if (waits.isObject()) {
            json.set("x-waits", waits);
        } else {
            json.putNull("x-waits");
        }
        putText("x-tracker", source.statistics().path("tracker"));
        putText("x-owner", source.statistics().path("owner"));
        last.colo().ifPresent(colo -> json.set("x-colo", colo.toJson()));
        if (last.isCompleted()) {
            json.put("x-owner", "peer");
        }
        last.error().ifPresent(error -> json.put("error", error));
    }

    private static ObjectNode postcopy(FaultReport faults, Optional<Pause> pause) {
        ObjectNode postcopy = faults.toJson();
        pause.ifPresent(p -> postcopy.put("switchPauseMicros", p.handoverMicros()));
        return postcopy;
    }

    ObjectNode json() {
        return json;
    }

    /**
     * Refuses a file that cannot be written, before anything is moved that could not be reported.
     *
     * @throws CommandFailure with the reason
     */
    static void requireWritable(@Nullable Path file) {
        if (file == null || file.toString().equals("-")) {
            return;
        }
        Path directory = file.toAbsolutePath().getParent();
        boolean possible = Files.exists(file)
                ? !Files.isDirectory(file) && Files.isWritable(file)
                : directory != null && Files.isWritable(directory);
        if (!possible) {
            throw new CommandFailure("The report cannot be written to " + file
                    + ": it is a directory, or is not to be written, or its directory is not there.");
        }
    }

    /** Writes it to a file, or to {@code out} for "-". */
    void write(Path file, PrintWriter out) {
        String text = Json.writePretty(json);
        if (file.toString().equals("-")) {
            out.println(text);
            out.flush();
            return;
        }
        try {
            Files.writeString(file, text + "\n");
        } catch (IOException e) {
            throw new CommandFailure("The report cannot be written to " + file + ": " + e + ".", e);
        }
    }

    /**
     * How a migration that was not completed ended.
     *
     * @param subject such as "The migration"; a Godwit's reason is a whole sentence and needs none
     */
    static String ending(String subject, MigrationSample last) {
        String reason = last.error().orElse("");
        if (reason.startsWith("The migration ")) {
            return reason;
        }
        String verb = switch (last.status()) {
            case "cancelled" -> "was cancelled";
            case "postcopy-paused" -> "is paused";
            default -> last.status();
        };
        return MigrationException.withFullStop(subject + " " + verb + (reason.isEmpty() ? "" : ": " + reason));
    }

    private void putText(String name, JsonNode value) {
        if (value.isString() && !value.asString().isEmpty()) {
            json.put(name, value.asString());
        } else {
            json.putNull(name);
        }
    }
}
