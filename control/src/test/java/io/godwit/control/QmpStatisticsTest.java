// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.forecast.Verdict;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.DirtyLimitRound;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.report.ForecastStatistics;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.RamStatistics;
import io.godwit.engine.report.ThrottleStatistics;
import io.godwit.engine.report.TimeStatistics;
import io.godwit.engine.report.WaitStatistics;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** What {@code query-migrate} and {@code x-godwit-statistics} tell of a migration. */
class QmpStatisticsTest extends QmpLab {
    @Test
    void queryMigrateHasQemusMembersAndTypes() throws IOException {
        host.statistics = statistics(MigrationStatus.ACTIVE);
        try (RawSession session = RawSession.negotiated(server.address())) {
            JsonNode answer =
                    Json.parse(session.ask("{\"execute\":\"query-migrate\"}")).path("return");
            assertThat(answer.path("status").asString()).isEqualTo("active");
            assertThat(answer.propertyNames())
                    .containsExactlyInAnyOrder(
                            "status",
                            "total-time",
                            "setup-time",
                            "x-longest-vcpu-wait",
                            "x-longest-command-wait",
                            "expected-downtime",
                            "ram");
            assertThat(answer.path("ram").propertyNames())
                    .containsExactlyInAnyOrder(
                            "total",
                            "postcopy-requests",
                            "dirty-sync-count",
                            "multifd-bytes",
                            "pages-per-second",
                            "downtime-bytes",
                            "page-size",
                            "remaining",
                            "postcopy-bytes",
                            "mbps",
                            "transferred",
                            "dirty-sync-missed-zero-copy",
                            "precopy-bytes",
                            "duplicate",
                            "dirty-pages-rate",
                            "normal-bytes",
                            "normal");
            assertThat(answer.path("ram").path("mbps").isDouble()).isTrue();
            assertThat(answer.path("ram").path("normal-bytes").asLong()).isEqualTo(100 * 4096L);
        }
    }

    @Test
    void whatIsTakenFromTheGuestIsTold() throws IOException {
        host.statistics = statistics(
                MigrationStatus.ACTIVE,
                new ThrottleStatistics(30, 50, 1200, 4000, 7, 3, 5000, 900, Optional.of(new DirtyLimitRound(77, 88))));
        try (RawSession session = RawSession.negotiated(server.address())) {
            assertThat(session.ask("{\"execute\":\"query-migrate\"}"))
                    .contains("\"cpu-throttle-percentage\":30,\"dirty-limit-throttle-time-per-round\":77,"
                            + "\"dirty-limit-ring-full-time\":88");
            assertThat(session.ask("{\"execute\":\"x-godwit-statistics\"}"))
                    .contains("\"throttle\":{\"percent\":30,\"highest-percent\":50,\"throttled-millis\":1200,"
                            + "\"throttling-millis\":4000,\"syncs\":7,\"background-syncs\":3,\"sync-micros\":5000,"
                            + "\"longest-sync-micros\":900}");
        }
    }

    @Test
    void waitsAreTold() throws IOException {
        host.statistics = statistics(MigrationStatus.ACTIVE);
        try (RawSession session = RawSession.negotiated(server.address())) {
            assertThat(session.ask("{\"execute\":\"x-godwit-statistics\"}"))
                    .contains("\"waits\":{\"vcpus\":[],\"tracker-calls\":{\"count\":0,\"buckets\":[]},"
                            + "\"commands\":{\"count\":0,\"buckets\":[]}}");
        }
    }

    @Test
    void aListeningDestinationTellsItsAddress() throws IOException {
        MigrationStatistics s = statistics(MigrationStatus.SETUP);
        host.statistics = new MigrationStatistics(
                s.status(),
                false,
                s.error(),
                s.owner(),
                Optional.of("tcp:127.0.0.1:4444"),
                RamStatistics.NONE,
                TimeStatistics.NONE,
                ThrottleStatistics.NONE,
                WaitStatistics.NONE,
                Optional.empty(),
                Optional.empty());
        try (RawSession session = RawSession.negotiated(server.address())) {
            assertThat(session.ask("{\"execute\":\"query-migrate\"}"))
                    .isEqualTo("{\"return\":{\"status\":\"setup\",\"socket-address\":"
                            + "[{\"type\":\"inet\",\"host\":\"127.0.0.1\",\"port\":\"4444\"}]}}");
        }
    }

    @Test
    void aSourceTellsWhatItForesees() throws IOException {
        host.statistics = statistics(
                MigrationStatus.ACTIVE,
                ThrottleStatistics.NONE,
                Optional.of(new ForecastStatistics(
                        new Verdict.WillNotFinish("It is too fast."),
                        "It is too fast.",
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalLong.of(7),
                        Optional.of("downtime-limit=900"),
                        Optional.empty())));
        try (RawSession session = RawSession.negotiated(server.address())) {
            assertThat(session.ask("{\"execute\":\"query-migrate\"}"))
                    .contains("\"x-forecast\":{\"verdict\":\"will-not-finish\",\"reason\":\"It is too fast.\","
                            + "\"downtime\":7,\"help\":\"downtime-limit=900\"}");
            assertThat(session.ask("{\"execute\":\"x-godwit-statistics\"}"))
                    .contains("\"forecast\":{\"verdict\":\"will-not-finish\"");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"ACTIVE", "PRE_SWITCHOVER", "DEVICE", "POSTCOPY_ACTIVE"})
    void aSourceWarnsWhileItGoesOn(MigrationStatus status) throws IOException {
        MigrationStatistics quiet = statistics(status);
        host.statistics = new MigrationStatistics(
                quiet.status(),
                quiet.outgoing(),
                quiet.error(),
                quiet.owner(),
                quiet.listenAddress(),
                quiet.ram(),
                quiet.time(),
                quiet.throttle(),
                quiet.waits(),
                quiet.postcopy(),
                quiet.forecast(),
                quiet.colo(),
                Optional.of("The guest has stood still for 0.3 s."));
        try (RawSession session = RawSession.negotiated(server.address())) {
            assertThat(session.ask("{\"execute\":\"query-migrate\"}"))
                    .contains("\"x-warning\":\"The guest has stood still for 0.3 s.\"");
            assertThat(session.ask("{\"execute\":\"x-godwit-statistics\"}"))
                    .contains("\"warning\":\"The guest has stood still for 0.3 s.\"");
        }
    }

    private static MigrationStatistics statistics(MigrationStatus status) {
        return statistics(status, ThrottleStatistics.NONE);
    }

    private static MigrationStatistics statistics(MigrationStatus status, ThrottleStatistics throttle) {
        return statistics(status, throttle, Optional.empty());
    }

    private static MigrationStatistics statistics(
            MigrationStatus status, ThrottleStatistics throttle, Optional<ForecastStatistics> forecast) {
        return new MigrationStatistics(
                status,
                true,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                new RamStatistics(1 << 30, 1 << 20, 500_000, 100, 50, 2, 1000, 100_000_000, "test", Optional.empty()),
                new TimeStatistics(1, 200, 12, 0, DowntimeParts.NONE, 0),
                throttle,
                WaitStatistics.NONE,
                Optional.empty(),
                forecast);
    }
}
