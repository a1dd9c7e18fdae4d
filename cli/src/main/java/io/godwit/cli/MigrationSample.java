// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What {@code query-migrate} said at one moment, Godwit's or QEMU's. Figures that were not told are 0.
 *
 * @param status by QEMU's name
 * @param pass number of the walk of the dirty bitmap
 * @param totalBytes the guest's memory
 * @param remainingBytes memory that must still be sent
 * @param transferredBytes sent so far
 * @param normalPages pages sent with content
 * @param zeroPages pages sent as zero
 * @param pageBytes a page
 * @param dirtyPagesPerSecond what the guest dirties
 * @param bandwidthBytesPerSecond what the wire carries, as the source measures it
 * @param expectedDowntimeMillis the pause if the guest were stopped now
 * @param setupTimeMillis connecting and announcing
 * @param totalTimeMillis since the start
 * @param downtimeMillis the pause that was, as the source saw it
 * @param error what went wrong
 * @param throttle what is taken from the guest's time
 * @param outlook what a Godwit says of the end
 * @param warning what somebody should know now
 * @param faults what the destination tells, in postcopy, when it is asked and can tell
 * @param colo what a Godwit tells of its part in COLO, now or before
 */
record MigrationSample(
        String status,
        long pass,
        long totalBytes,
        long remainingBytes,
        long transferredBytes,
        long normalPages,
        long zeroPages,
        long pageBytes,
        long dirtyPagesPerSecond,
        long bandwidthBytesPerSecond,
        long expectedDowntimeMillis,
        long setupTimeMillis,
        long totalTimeMillis,
        long downtimeMillis,
        Optional<String> error,
        ThrottleSample throttle,
        Optional<OutlookSample> outlook,
        Optional<String> warning,
        Optional<FaultSample> faults,
        Optional<ColoSample> colo) {
    static MigrationSample of(JsonNode answer) {
        JsonNode ram = answer.path("ram");
        return new MigrationSample(
                answer.path("status").asString("none"),
                ram.path("dirty-sync-count").asLong(0),
                ram.path("total").asLong(0),
                ram.path("remaining").asLong(0),
                ram.path("transferred").asLong(0),
                ram.path("normal").asLong(0),
                ram.path("duplicate").asLong(0),
                ram.path("page-size").asLong(4096),
                ram.path("dirty-pages-rate").asLong(0),
                (long) (ram.path("mbps").asDouble(0) * 1e6 / 8),
                answer.path("expected-downtime").asLong(0),
                answer.path("setup-time").asLong(0),
                answer.path("total-time").asLong(0),
                answer.path("downtime").asLong(0),
                Optional.ofNullable(answer.path("error-desc").asString(null)),
                ThrottleSample.of(answer.path("cpu-throttle-percentage").asInt(0)),
                OutlookSample.of(answer.path("x-forecast")),
                Optional.ofNullable(answer.path("x-warning").asString(null)),
                Optional.empty(),
                ColoSample.of(answer.path("x-colo")));
    }

    /** The same figures, which are the last there were, with how it ended. */
    MigrationSample endedAs(String end, Optional<String> reason) {
        return with(end, bandwidthBytesPerSecond, reason, throttle, faults);
    }

    /** The same; with the wire's rate since an earlier sample where the source has not measured one yet. */
    MigrationSample withRateSince(MigrationSample earlier) {
        long millis = totalTimeMillis - earlier.totalTimeMillis;
        if (bandwidthBytesPerSecond > 0 || !earlier.hasFigures() || millis <= 0) {
            return this;
        }
        long rate = Math.max(0, (transferredBytes - earlier.transferredBytes) * 1000 / millis);
        return with(status, rate, error, throttle, faults);
    }

    /**
     * The same; with the highest throttle since the start, which no source tells, where there was a higher one before.
     */
    MigrationSample withThrottleSince(MigrationSample earlier) {
        return with(status, bandwidthBytesPerSecond, error, throttle.after(earlier.throttle), faults);
    }

    /** The same with what the destination told. */
    MigrationSample withFaults(Optional<FaultSample> told) {
        return with(status, bandwidthBytesPerSecond, error, throttle, told);
    }

    /** The same but for these. */
    private MigrationSample with(
            String newStatus,
            long newBandwidth,
            Optional<String> newError,
            ThrottleSample newThrottle,
            Optional<FaultSample> newFaults) {
        return new MigrationSample(
                newStatus,
                pass,
                totalBytes,
                remainingBytes,
                transferredBytes,
                normalPages,
                zeroPages,
                pageBytes,
                dirtyPagesPerSecond,
                newBandwidth,
                expectedDowntimeMillis,
                setupTimeMillis,
                totalTimeMillis,
                downtimeMillis,
                newError,
                newThrottle,
                outlook,
                warning,
                newFaults,
                colo);
    }

    /** Whether a secondary runs the same guest: it goes on so until one side is lost. */
    boolean isProtected() {
        return status.equals("colo");
    }

    /** Whether the guest lives at the destination while its memory is not all there. */
    boolean isPostcopy() {
        return status.startsWith("postcopy-");
    }

    /** Whether the connection was lost in postcopy, and nothing goes on before somebody recovers it. */
    boolean isPaused() {
        return status.equals("postcopy-paused");
    }

    /** Whether nothing more happens. */
    boolean isEnded() {
        return switch (status) {
            case "completed", "failed", "cancelled" -> true;
            default -> false;
        };
    }

    /** Whether the guest stands still until somebody sends {@code migrate-continue}. */
    boolean isAtPreSwitchover() {
        return status.equals("pre-switchover");
    }

    boolean isCompleted() {
        return status.equals("completed");
    }

    /** Whether there are figures in it; QEMU tells none before and after. */
    boolean hasFigures() {
        return totalBytes > 0;
    }

    /** What protects the guest, and what that costs. */
    String protection() {
        return colo.map(ColoSample::text).orElse("protected; this host tells no figures");
    }

    /** The same as a line. */
    String protectionLine() {
        return String.format(Locale.ROOT, "%s: %.1f s, %s", status, totalTimeMillis / 1e3, protection());
    }

    /** What the guest dirties, in bytes a second. */
    long dirtyBytesPerSecond() {
        return dirtyPagesPerSecond * pageBytes;
    }

    /** All that went over the wire by all the time it took. */
    long throughputBytesPerSecond() {
        long millis = Math.max(1, totalTimeMillis - setupTimeMillis);
        return transferredBytes * 1000 / millis;
    }

    /** One line of {@code --json}. */
    ObjectNode toJson() {
        ObjectNode line = Json.object()
                .put("status", status)
                .put("pass", pass)
                .put("totalBytes", totalBytes)
                .put("remainingBytes", remainingBytes)
                .put("transferredBytes", transferredBytes)
                .put("dirtyBytesPerSecond", dirtyBytesPerSecond())
                .put("bandwidthBytesPerSecond", bandwidthBytesPerSecond)
                .put("expectedDowntimeMillis", expectedDowntimeMillis)
                .put("throttlePercent", throttle.percent())
                .put("highestThrottlePercent", throttle.highestPercent())
                .put("totalTimeMillis", totalTimeMillis);
        outlook.ifPresent(one -> line.set("forecast", one.toJson()));
        warning.ifPresent(sentence -> line.put("warning", sentence));
        error.ifPresent(sentence -> line.put("error", sentence));
        faults.ifPresent(told -> line.set("postcopy", told.toJson()));
        colo.ifPresent(told -> line.set("colo", told.toJson()));
        return line;
    }
}
