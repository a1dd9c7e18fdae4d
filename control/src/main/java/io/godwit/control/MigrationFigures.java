// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.Capability;
import io.godwit.engine.DowntimeParts;
import io.godwit.engine.ForecastStatistics;
import io.godwit.engine.LatencyHistogram;
import io.godwit.engine.MigrationParameter;
import io.godwit.engine.MigrationParameters;
import io.godwit.engine.MigrationStatistics;
import io.godwit.engine.MigrationStatus;
import io.godwit.engine.PostcopyStatistics;
import io.godwit.engine.RamStatistics;
import io.godwit.engine.ThrottleStatistics;
import io.godwit.engine.TimeStatistics;
import io.godwit.engine.WaitStatistics;
import io.godwit.engine.memory.RamBlock;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The engine's figures in QMP's words: names, types and units are those of QEMU's {@code query-migrate} and its neighbours. */
final class MigrationFigures {
    private MigrationFigures() {}

    /** {@code query-migrate}. */
    static ObjectNode queryMigrate(MigrationStatistics statistics) {
        ObjectNode answer = Json.object();
        if (statistics.status() == MigrationStatus.NONE) {
            return answer;
        }
        answer.put("status", statistics.status().publicName());
        statistics.error().ifPresent(error -> answer.put("error-desc", error));
        statistics.listenAddress().ifPresent(address -> answer.set("socket-address", socketAddresses(address)));
        if (!statistics.outgoing()) {
            statistics.postcopy().ifPresent(postcopy -> PostcopyFigures.putBlocktime(answer, postcopy));
            return answer;
        }
        switch (statistics.status()) {
            case NONE, SETUP, CANCELLED, FAILED -> {}
            case ACTIVE,
                    PRE_SWITCHOVER,
                    DEVICE,
                    POSTCOPY_ACTIVE,
                    POSTCOPY_PAUSED,
                    POSTCOPY_RECOVER_SETUP,
                    POSTCOPY_RECOVER,
                    CANCELLING -> {
                putTimes(answer, statistics);
                answer.put("expected-downtime", statistics.time().expectedDowntimeMillis());
                answer.set("ram", ram(statistics));
                statistics
                        .forecast()
                        .filter(_ -> statistics.status() == MigrationStatus.ACTIVE)
                        .ifPresent(forecast -> answer.set("x-forecast", forecast(forecast)));
                if (statistics.throttle().percent() > 0) {
                    answer.put("cpu-throttle-percentage", statistics.throttle().percent());
                }
                statistics
                        .throttle()
                        .dirtyLimit()
                        .ifPresent(round -> answer.put("dirty-limit-throttle-time-per-round", round.throttleMicros())
                                .put("dirty-limit-ring-full-time", round.ringFullMicros()));
            }
            case COMPLETED -> {
                putTimes(answer, statistics);
                answer.put("downtime", statistics.time().downtimeMillis());
                answer.set("ram", ram(statistics));
            }
        }
        return answer;
    }

    private static void putTimes(ObjectNode answer, MigrationStatistics statistics) {
        answer.put("total-time", statistics.time().totalMillis());
        answer.put("setup-time", statistics.time().setupMillis());
        answer.put("x-longest-vcpu-wait", statistics.waits().longestVcpuNanos());
        answer.put("x-longest-command-wait", statistics.waits().commands().maxNanos());
    }

    private static ObjectNode ram(MigrationStatistics statistics) {
        RamStatistics ram = statistics.ram();
        Optional<PostcopyStatistics> postcopy = statistics.postcopy();
        long postcopyBytes = postcopy.map(PostcopyStatistics::transferredBytes).orElse(0L);
        long downtimeBytes = Math.min(statistics.time().downtimePages() * RamBlock.PAGE_BYTES, ram.transferredBytes());
        return Json.object()
                .put("transferred", ram.transferredBytes())
                .put("remaining", ram.remainingBytes())
                .put("total", ram.totalBytes())
                .put("duplicate", ram.zeroPages())
                .put("normal", ram.normalPages())
                .put("normal-bytes", ram.normalPages() * RamBlock.PAGE_BYTES)
                .put("dirty-pages-rate", ram.dirtyPagesPerSecond())
                .put("mbps", ram.bandwidthBytesPerSecond() * 8 / 1e6)
                .put("dirty-sync-count", ram.pass())
                .put(
                        "postcopy-requests",
                        postcopy.map(PostcopyStatistics::requests).orElse(0L))
                .put("page-size", RamBlock.PAGE_BYTES)
                .put("multifd-bytes", 0)
                .put("pages-per-second", ram.bandwidthBytesPerSecond() / RamBlock.PAGE_BYTES)
                .put("precopy-bytes", Math.max(0, ram.transferredBytes() - downtimeBytes - postcopyBytes))
                .put("downtime-bytes", downtimeBytes)
                .put("postcopy-bytes", postcopyBytes)
                .put("dirty-sync-missed-zero-copy", 0);
    }

    /** {@code x-godwit-statistics}: the whole snapshot, ended or not, with the parts of the downtime. */
    static ObjectNode statistics(MigrationStatistics statistics) {
        ObjectNode answer =
                Json.object().put("status", statistics.status().publicName()).put("outgoing", statistics.outgoing());
        statistics.error().ifPresent(error -> answer.put("error-desc", error));
        statistics.owner().ifPresent(owner -> answer.put("owner", MigrationWords.ownerName(owner)));
        statistics.listenAddress().ifPresent(address -> answer.put("listen-address", address));
        RamStatistics ram = statistics.ram();
        TimeStatistics time = statistics.time();
        answer.put("pass", ram.pass())
                .put("total-bytes", ram.totalBytes())
                .put("remaining-bytes", ram.remainingBytes())
                .put("transferred-bytes", ram.transferredBytes())
                .put("normal-pages", ram.normalPages())
                .put("zero-pages", ram.zeroPages())
                .put("dirty-pages-per-second", ram.dirtyPagesPerSecond())
                .put("bandwidth-bytes-per-second", ram.bandwidthBytesPerSecond())
                .put("expected-downtime-millis", time.expectedDowntimeMillis())
                .put("setup-time-millis", time.setupMillis())
                .put("total-time-millis", time.totalMillis())
                .put("downtime-millis", time.downtimeMillis())
                .put("downtime-pages", time.downtimePages())
                .put("tracker", ram.tracker());
        answer.set("downtime-parts", downtimeParts(time.downtimeParts()));
        answer.set("throttle", throttle(statistics.throttle()));
        answer.set("waits", waits(statistics.waits()));
        statistics.forecast().ifPresent(forecast -> answer.set("forecast", forecast(forecast)));
        statistics.postcopy().ifPresent(postcopy -> answer.set("postcopy", PostcopyFigures.whole(postcopy)));
        ram.freePages()
                .ifPresent(free -> answer.set(
                        "free-pages",
                        Json.object()
                                .put("hinted", free.hinted())
                                .put("dropped", free.dropped())
                                .put("refused", free.refused())
                                .put("left-out", free.leftOut())));
        return answer;
    }

    private static ObjectNode waits(WaitStatistics waits) {
        ObjectNode answer = Json.object();
        ArrayNode vcpus = answer.putArray("vcpus");
        waits.vcpus().forEach(vcpu -> vcpus.add(histogram(vcpu)));
        answer.set("tracker-calls", histogram(waits.trackerCalls()));
        answer.set("commands", histogram(waits.commands()));
        return answer;
    }

    private static ObjectNode histogram(LatencyHistogram.Snapshot snapshot) {
        ObjectNode answer = PostcopyFigures.latency(snapshot);
        answer.set("buckets", PostcopyFigures.buckets(snapshot));
        return answer;
    }

    private static ObjectNode forecast(ForecastStatistics forecast) {
        ObjectNode answer =
                Json.object().put("verdict", forecast.verdict().word()).put("reason", forecast.why());
        forecast.leftMillis().ifPresent(millis -> answer.put("time-left", millis));
        forecast.leftAtMostMillis().ifPresent(millis -> answer.put("time-left-at-most", millis));
        forecast.downtimeMillis().ifPresent(millis -> answer.put("downtime", millis));
        forecast.help().ifPresent(help -> answer.put("help", help));
        forecast.choice().ifPresent(choice -> answer.put("choice", choice));
        return answer;
    }

    private static ObjectNode throttle(ThrottleStatistics throttle) {
        return Json.object()
                .put("percent", throttle.percent())
                .put("highest-percent", throttle.highestPercent())
                .put("throttled-millis", throttle.throttledMillis())
                .put("throttling-millis", throttle.throttlingMillis())
                .put("syncs", throttle.syncs())
                .put("background-syncs", throttle.backgroundSyncs())
                .put("sync-micros", throttle.syncMicros())
                .put("longest-sync-micros", throttle.longestSyncMicros());
    }

    private static ObjectNode downtimeParts(DowntimeParts parts) {
        return Json.object()
                .put("stop-nanos", parts.stopNanos())
                .put("harvest-nanos", parts.harvestNanos())
                .put("pages-nanos", parts.pagesNanos())
                .put("device-nanos", parts.deviceNanos())
                .put("handover-nanos", parts.handoverNanos())
                .put("load-nanos", parts.loadNanos())
                .put("token-nanos", parts.tokenNanos())
                .put("start-nanos", parts.startNanos());
    }

    /** {@code query-migrate-parameters}. */
    static ObjectNode parameters(MigrationParameters parameters) {
        ObjectNode answer = Json.object();
        for (MigrationParameter parameter : MigrationParameter.values()) {
            if (parameter.isSwitch()) {
                answer.put(parameter.publicName(), parameters.isOn(parameter));
            } else {
                answer.put(parameter.publicName(), parameters.get(parameter));
            }
        }
        return answer;
    }

    /** {@code query-migrate-capabilities}: those that this version can switch on. */
    static ArrayNode capabilities(Set<Capability> on) {
        ArrayNode answer = Json.array();
        for (Capability capability : Capability.values()) {
            answer.add(Json.object().put("state", on.contains(capability)).put("capability", capability.publicName()));
        }
        return answer;
    }

    private static ArrayNode socketAddresses(String uri) {
        ArrayNode addresses = Json.array();
        if (uri.startsWith("unix:")) {
            addresses.add(Json.object().put("type", "unix").put("path", uri.substring(5)));
        } else if (uri.startsWith("tcp:")) {
            QmpAddress.Tcp tcp = (QmpAddress.Tcp) QmpAddress.parse(uri);
            addresses.add(Json.object()
                    .put("type", "inet")
                    .put("host", tcp.host())
                    .put("port", Integer.toString(tcp.port())));
        }
        return addresses;
    }
}
