// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.report.ForecastStatistics;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.report.RamStatistics;
import io.godwit.engine.report.ThrottleStatistics;
import io.godwit.engine.report.TimeStatistics;
import io.godwit.engine.report.WaitStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The engine's figures in QMP's words: names, types and units are those of QEMU's {@code query-migrate} and its
 * neighbours. What is asked for again and again while a migration runs is written straight from the snapshot; a tree
 * between would be most of what a query costs.
 */
final class MigrationFigures {
    private MigrationFigures() {}

    /** Writes {@code query-migrate}. */
    static void queryMigrate(JsonGenerator out, MigrationStatistics statistics) {
        out.writeStartObject();
        if (statistics.status() != MigrationStatus.NONE) {
            out.writeStringProperty("status", statistics.status().publicName());
            text(out, "error-desc", statistics.error());
            statistics.listenAddress().ifPresent(address -> socketAddresses(out, address));
            statistics.colo().ifPresent(colo -> ColoFigures.figures(out, colo));
            if (statistics.outgoing()) {
                outgoing(out, statistics);
            } else {
                statistics.postcopy().ifPresent(postcopy -> PostcopyFigures.blocktime(out, postcopy));
            }
        }
        out.writeEndObject();
    }

    private static void outgoing(JsonGenerator out, MigrationStatistics statistics) {
        switch (statistics.status()) {
            case NONE, SETUP, CANCELLED, FAILED -> {}
            case ACTIVE,
                    PRE_SWITCHOVER,
                    DEVICE,
                    POSTCOPY_ACTIVE,
                    POSTCOPY_PAUSED,
                    POSTCOPY_RECOVER_SETUP,
                    POSTCOPY_RECOVER,
                    COLO,
                    CANCELLING -> {
                times(out, statistics);
                text(out, "x-warning", statistics.warning());
                out.writeNumberProperty("expected-downtime", statistics.time().expectedDowntimeMillis());
                ram(out, statistics);
                if (statistics.status() == MigrationStatus.ACTIVE) {
                    statistics.forecast().ifPresent(forecast -> forecast(out, "x-forecast", forecast));
                }
                if (statistics.throttle().percent() > 0) {
                    out.writeNumberProperty(
                            "cpu-throttle-percentage", statistics.throttle().percent());
                }
                statistics.throttle().dirtyLimit().ifPresent(round -> {
                    out.writeNumberProperty("dirty-limit-throttle-time-per-round", round.throttleMicros());
                    out.writeNumberProperty("dirty-limit-ring-full-time", round.ringFullMicros());
                });
            }
            case COMPLETED -> {
                times(out, statistics);
                out.writeNumberProperty("downtime", statistics.time().downtimeMillis());
                ram(out, statistics);
            }
        }
    }

    private static void times(JsonGenerator out, MigrationStatistics statistics) {
        out.writeNumberProperty("total-time", statistics.time().totalMillis());
        out.writeNumberProperty("setup-time", statistics.time().setupMillis());
        out.writeNumberProperty("x-longest-vcpu-wait", statistics.waits().longestVcpuNanos());
        out.writeNumberProperty(
                "x-longest-command-wait", statistics.waits().commands().maxNanos());
    }

    private static void ram(JsonGenerator out, MigrationStatistics statistics) {
        RamStatistics ram = statistics.ram();
        Optional<PostcopyStatistics> postcopy = statistics.postcopy();
        long postcopyBytes = postcopy.map(PostcopyStatistics::transferredBytes).orElse(0L);
        long downtimeBytes = Math.min(statistics.time().downtimePages() * RamBlock.PAGE_BYTES, ram.transferredBytes());
        out.writeObjectPropertyStart("ram");
        out.writeNumberProperty("transferred", ram.transferredBytes());
        out.writeNumberProperty("remaining", ram.remainingBytes());
        out.writeNumberProperty("total", ram.totalBytes());
        out.writeNumberProperty("duplicate", ram.zeroPages());
        out.writeNumberProperty("normal", ram.normalPages());
        out.writeNumberProperty("normal-bytes", ram.normalPages() * RamBlock.PAGE_BYTES);
        out.writeNumberProperty("dirty-pages-rate", ram.dirtyPagesPerSecond());
        out.writeNumberProperty("mbps", ram.bandwidthBytesPerSecond() * 8 / 1e6);
        out.writeNumberProperty("dirty-sync-count", ram.pass());
        out.writeNumberProperty(
                "postcopy-requests", postcopy.map(PostcopyStatistics::requests).orElse(0L));
        out.writeNumberProperty("page-size", RamBlock.PAGE_BYTES);
        out.writeNumberProperty("multifd-bytes", 0);
        out.writeNumberProperty("pages-per-second", ram.bandwidthBytesPerSecond() / RamBlock.PAGE_BYTES);
        out.writeNumberProperty("precopy-bytes", Math.max(0, ram.transferredBytes() - downtimeBytes - postcopyBytes));
        out.writeNumberProperty("downtime-bytes", downtimeBytes);
        out.writeNumberProperty("postcopy-bytes", postcopyBytes);
        out.writeNumberProperty("dirty-sync-missed-zero-copy", 0);
        out.writeEndObject();
    }

    /** Writes {@code x-godwit-statistics}: the whole snapshot, ended or not, with the parts of the downtime. */
    static void statistics(JsonGenerator out, MigrationStatistics statistics) {
        RamStatistics ram = statistics.ram();
        TimeStatistics time = statistics.time();
        out.writeStartObject();
        out.writeStringProperty("status", statistics.status().publicName());
        out.writeBooleanProperty("outgoing", statistics.outgoing());
        text(out, "error-desc", statistics.error());
        text(out, "owner", statistics.owner().map(MigrationWords::ownerName));
        text(out, "listen-address", statistics.listenAddress());
        text(out, "warning", statistics.warning());
        out.writeNumberProperty("pass", ram.pass());
        out.writeNumberProperty("total-bytes", ram.totalBytes());
        out.writeNumberProperty("remaining-bytes", ram.remainingBytes());
        out.writeNumberProperty("transferred-bytes", ram.transferredBytes());
        out.writeNumberProperty("normal-pages", ram.normalPages());
        out.writeNumberProperty("zero-pages", ram.zeroPages());
        out.writeNumberProperty("dirty-pages-per-second", ram.dirtyPagesPerSecond());
        out.writeNumberProperty("bandwidth-bytes-per-second", ram.bandwidthBytesPerSecond());
        out.writeNumberProperty("expected-downtime-millis", time.expectedDowntimeMillis());
        out.writeNumberProperty("setup-time-millis", time.setupMillis());
        out.writeNumberProperty("total-time-millis", time.totalMillis());
        out.writeNumberProperty("downtime-millis", time.downtimeMillis());
        out.writeNumberProperty("downtime-pages", time.downtimePages());
        out.writeStringProperty("tracker", ram.tracker());
        downtimeParts(out, time.downtimeParts());
        throttle(out, statistics.throttle());
        waits(out, statistics.waits());
        statistics.forecast().ifPresent(forecast -> forecast(out, "forecast", forecast));
        statistics.postcopy().ifPresent(postcopy -> PostcopyFigures.whole(out, postcopy));
        ram.freePages().ifPresent(free -> {
            out.writeObjectPropertyStart("free-pages");
            out.writeNumberProperty("hinted", free.hinted());
            out.writeNumberProperty("dropped", free.dropped());
            out.writeNumberProperty("refused", free.refused());
            out.writeNumberProperty("left-out", free.leftOut());
            out.writeEndObject();
        });
        out.writeEndObject();
    }

    private static void waits(JsonGenerator out, WaitStatistics waits) {
        out.writeObjectPropertyStart("waits");
        out.writeArrayPropertyStart("vcpus");
        waits.vcpus().forEach(vcpu -> {
            out.writeStartObject();
            histogram(out, vcpu);
        });
        out.writeEndArray();
        out.writeObjectPropertyStart("tracker-calls");
        histogram(out, waits.trackerCalls());
        out.writeObjectPropertyStart("commands");
        histogram(out, waits.commands());
        out.writeEndObject();
    }

    private static void histogram(JsonGenerator out, LatencyHistogram.Snapshot snapshot) {
        PostcopyFigures.latencyMembers(out, snapshot);
        PostcopyFigures.buckets(out, "buckets", snapshot);
        out.writeEndObject();
    }

    private static void forecast(JsonGenerator out, String name, ForecastStatistics forecast) {
        out.writeObjectPropertyStart(name);
        out.writeStringProperty("verdict", forecast.verdict().word());
        out.writeStringProperty("reason", forecast.why());
        forecast.leftMillis().ifPresent(millis -> out.writeNumberProperty("time-left", millis));
        forecast.leftAtMostMillis().ifPresent(millis -> out.writeNumberProperty("time-left-at-most", millis));
        forecast.downtimeMillis().ifPresent(millis -> out.writeNumberProperty("downtime", millis));
        text(out, "help", forecast.help());
        text(out, "choice", forecast.choice());
        out.writeEndObject();
    }

    private static void throttle(JsonGenerator out, ThrottleStatistics throttle) {
        out.writeObjectPropertyStart("throttle");
        out.writeNumberProperty("percent", throttle.percent());
        out.writeNumberProperty("highest-percent", throttle.highestPercent());
        out.writeNumberProperty("throttled-millis", throttle.throttledMillis());
        out.writeNumberProperty("throttling-millis", throttle.throttlingMillis());
        out.writeNumberProperty("syncs", throttle.syncs());
        out.writeNumberProperty("background-syncs", throttle.backgroundSyncs());
        out.writeNumberProperty("sync-micros", throttle.syncMicros());
        out.writeNumberProperty("longest-sync-micros", throttle.longestSyncMicros());
        out.writeEndObject();
    }

    private static void downtimeParts(JsonGenerator out, DowntimeParts parts) {
        out.writeObjectPropertyStart("downtime-parts");
        out.writeNumberProperty("stop-nanos", parts.stopNanos());
        out.writeNumberProperty("harvest-nanos", parts.harvestNanos());
        out.writeNumberProperty("pages-nanos", parts.pagesNanos());
        out.writeNumberProperty("device-nanos", parts.deviceNanos());
        out.writeNumberProperty("handover-nanos", parts.handoverNanos());
        out.writeNumberProperty("load-nanos", parts.loadNanos());
        out.writeNumberProperty("token-nanos", parts.tokenNanos());
        out.writeNumberProperty("start-nanos", parts.startNanos());
        out.writeEndObject();
    }

    private static void text(JsonGenerator out, String name, Optional<String> text) {
        text.ifPresent(value -> out.writeStringProperty(name, Echo.shortened(value)));
    }

    /** {@code query-migrate-parameters}. */
    static ObjectNode parameters(MigrationParameters parameters) {
        ObjectNode answer = Json.object();
        for (MigrationParameter parameter : MigrationParameter.values()) {
            if (parameter.isSwitch()) {
                answer.put(SettingNames.of(parameter), parameters.isOn(parameter));
            } else {
                answer.put(SettingNames.of(parameter), parameters.get(parameter));
            }
        }
        return answer;
    }

    /** {@code query-migrate-capabilities}: those that this version can switch on. */
    static ArrayNode capabilities(Set<Capability> on) {
        ArrayNode answer = Json.array();
        for (Capability capability : Capability.values()) {
            answer.add(
                    Json.object().put("state", on.contains(capability)).put("capability", SettingNames.of(capability)));
        }
        return answer;
    }

    private static void socketAddresses(JsonGenerator out, String uri) {
        out.writeArrayPropertyStart("socket-address");
        if (uri.startsWith("unix:")) {
            out.writeStartObject();
            out.writeStringProperty("type", "unix");
            out.writeStringProperty("path", uri.substring(5));
            out.writeEndObject();
        } else if (uri.startsWith("tcp:")) {
            QmpAddress.Tcp tcp = (QmpAddress.Tcp) QmpAddress.parse(uri);
            out.writeStartObject();
            out.writeStringProperty("type", "inet");
            out.writeStringProperty("host", tcp.host());
            out.writeStringProperty("port", Integer.toString(tcp.port()));
            out.writeEndObject();
        }
        out.writeEndArray();
    }
}
