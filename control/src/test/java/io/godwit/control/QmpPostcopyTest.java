// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.DowntimeParts;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.report.RamStatistics;
import io.godwit.engine.report.ThrottleStatistics;
import io.godwit.engine.report.TimeStatistics;
import io.godwit.engine.report.WaitStatistics;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

class QmpPostcopyTest extends QmpLab {
    @Test
    void theFourCommandsReachTheHost() throws IOException {
        try (RawSession session = RawSession.negotiated(server.address())) {
            for (String command : List.of(
                    "{'execute':'migrate-start-postcopy'}",
                    "{'execute':'migrate-pause'}",
                    "{'execute':'migrate-recover','arguments':{'uri':'tcp:127.0.0.1:0'}}",
                    "{'execute':'migrate','arguments':{'uri':'tcp:127.0.0.1:4444','resume':true}}",
                    "{'execute':'migrate','arguments':{'uri':'tcp:127.0.0.1:4445','resume':false}}")) {
                assertThat(session.ask(command)).as(command).isEqualTo("{\"return\":{}}");
            }
        }
        assertThat(host.calls)
                .containsExactly(
                        "start-postcopy",
                        "pause",
                        "recover tcp:127.0.0.1:0",
                        "resume tcp:127.0.0.1:4444",
                        "migrate tcp:127.0.0.1:4445");
    }

    @Test
    void theParametersAreSetAndTold() throws IOException {
        JsonNode _ = ask("{'execute':'migrate-set-parameters','arguments':{'max-postcopy-bandwidth':1000000,"
                + "'postcopy-start-time':2000,'postcopy-after-passes':3,'x-safe-epoch':20}}");
        JsonNode answer = ask("{'execute':'query-migrate-parameters'}").path("return");
        assertThat(answer.path("max-postcopy-bandwidth").asLong()).isEqualTo(1_000_000);
        assertThat(answer.path("x-postcopy-start-time").asLong()).isEqualTo(2000);
        assertThat(answer.path("x-postcopy-after-passes").asLong()).isEqualTo(3);
        assertThat(answer.path("x-safe-epoch").asLong()).isEqualTo(20);
        assertThat(answer.path("downtime-limit").asLong()).isEqualTo(300);
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationStatus.class,
            names = {"POSTCOPY_ACTIVE", "POSTCOPY_PAUSED", "POSTCOPY_RECOVER_SETUP", "POSTCOPY_RECOVER"})
    void aSourceInPostcopyTellsRequestsAndBytes(MigrationStatus status) throws IOException {
        host.statistics = statistics(status, true);
        JsonNode answer = ask("{'execute':'query-migrate'}").path("return");
        assertThat(answer.path("status").asString()).isEqualTo(status.publicName());
        assertThat(answer.path("error-desc").asString()).isEqualTo("the wire broke");
        assertThat(answer.path("expected-downtime").isIntegralNumber()).isTrue();
        JsonNode ram = answer.path("ram");
        assertThat(ram.path("postcopy-requests").asLong()).isEqualTo(7);
        assertThat(ram.path("postcopy-bytes").asLong()).isEqualTo(300_000);
        assertThat(ram.path("precopy-bytes").asLong()).isEqualTo(700_000 - 4096);
        assertThat(ram.path("downtime-bytes").asLong()).isEqualTo(4096);
        assertThat(answer.has("postcopy-blocktime")).isFalse();
    }

    @Test
    void aDestinationTellsBlocktimeAndLatencyByQemusNames() throws IOException {
        host.statistics = statistics(MigrationStatus.POSTCOPY_ACTIVE, false);
        JsonNode answer = ask("{'execute':'query-migrate'}").path("return");
        assertThat(answer.propertyNames())
                .containsExactlyInAnyOrder(
                        "status",
                        "error-desc",
                        "postcopy-blocktime",
                        "postcopy-vcpu-blocktime",
                        "postcopy-latency",
                        "postcopy-latency-dist",
                        "postcopy-vcpu-latency",
                        "postcopy-non-vcpu-latency");
        assertThat(answer.path("postcopy-blocktime").asLong()).isEqualTo(5);
        assertThat(answer.path("postcopy-vcpu-blocktime")).isEqualTo(Json.parse("[6,0,9]"));
        assertThat(answer.path("postcopy-latency").asLong()).isEqualTo((90_000 + 110_000 + 4_000_000) / 3);
        JsonNode distribution = answer.path("postcopy-latency-dist");
        assertThat(distribution.size()).isEqualTo(24);
        assertThat(distribution.path(6).asLong()).as("64 to 127 us").isEqualTo(2);
        assertThat(distribution.path(11).asLong() + distribution.path(12).asLong())
                .as("around 4 ms")
                .isEqualTo(1);
        assertThat(answer.path("postcopy-vcpu-latency")).isEqualTo(Json.parse("[3000000,0,9000000]"));
        assertThat(answer.path("postcopy-non-vcpu-latency").asLong()).isEqualTo(50_000);
    }

    @Test
    void theStatisticsHaveEveryPartOfAFault() throws IOException {
        host.statistics = statistics(MigrationStatus.POSTCOPY_ACTIVE, false);
        JsonNode postcopy =
                ask("{'execute':'x-godwit-statistics'}").path("return").path("postcopy");
        assertThat(postcopy.path("missing-pages").asLong()).isEqualTo(40);
        assertThat(postcopy.path("waiting-faults").asLong()).isEqualTo(2);
        assertThat(postcopy.path("requested-pages").asLong()).isEqualTo(6);
        assertThat(postcopy.path("pushed-pages").asLong()).isEqualTo(100);
        assertThat(postcopy.path("latency").propertyNames())
                .containsExactly("whole", "event", "request", "source", "wire", "place");
        JsonNode whole = postcopy.path("latency").path("whole");
        assertThat(whole.propertyNames())
                .containsExactly(
                        "count", "mean-nanos", "p50-nanos", "p90-nanos", "p99-nanos", "p99.9-nanos", "max-nanos");
        assertThat(whole.path("max-nanos").asLong()).isEqualTo(4_000_000);
        assertThat(whole.path("p50-nanos").asLong()).isBetween(110_000L, 117_000L);
        assertThat(postcopy.path("latency").path("event")).isEqualTo(Json.parse("{\"count\":0}"));
        long counted = 0;
        for (JsonNode bucket : postcopy.path("latency-buckets").values()) {
            counted += bucket.path(1).asLong();
        }
        assertThat(counted).isEqualTo(3);
        assertThat(postcopy.path("vcpus").path(2))
                .isEqualTo(Json.parse("{\"vcpu\":-1,\"faults\":4,\"waited-nanos\":200000,\"longest-nanos\":150000}"));
    }

    @Test
    void aMigrationWithoutPostcopyTellsNothingOfIt() throws IOException {
        host.statistics = MigrationStatistics.NONE;
        assertThat(ask("{'execute':'x-godwit-statistics'}").path("return").has("postcopy"))
                .isFalse();
    }

    private static MigrationStatistics statistics(MigrationStatus status, boolean outgoing) {
        LatencyHistogram whole = new LatencyHistogram();
        whole.record(90_000);
        whole.record(110_000);
        whole.record(4_000_000);
        LatencyHistogram.Snapshot none = LatencyHistogram.Snapshot.EMPTY;
        PostcopyStatistics postcopy = new PostcopyStatistics(
                7,
                6,
                100,
                300_000,
                40,
                2,
                1,
                new PostcopyStatistics.FaultLatency(whole.snapshot(), none, none, none, none, none),
                5_900_000,
                List.of(
                        new PostcopyStatistics.VcpuWait(0, 2, 6_000_000, 4_000_000),
                        new PostcopyStatistics.VcpuWait(2, 1, 9_000_000, 9_000_000),
                        new PostcopyStatistics.VcpuWait(-1, 4, 200_000, 150_000)));
        return new MigrationStatistics(
                status,
                outgoing,
                Optional.of("the wire broke"),
                Optional.empty(),
                Optional.empty(),
                new RamStatistics(1 << 30, 1 << 20, 1_000_000, 100, 50, 2, 1000, 100_000_000, "test", Optional.empty()),
                new TimeStatistics(1, 200, 12, 3, DowntimeParts.NONE, 1),
                ThrottleStatistics.NONE,
                WaitStatistics.NONE,
                Optional.of(postcopy),
                Optional.empty());
    }
}
