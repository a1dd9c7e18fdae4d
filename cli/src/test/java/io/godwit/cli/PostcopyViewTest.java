// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What people and scripts see of a migration while the guest's memory follows it. */
class PostcopyViewTest {
    private final StringWriter text = new StringWriter();
    private final PrintWriter out = new PrintWriter(text, true);

    private static JsonNode statistics(long missing, int waiting, String buckets) {
        return Json.parse("{'postcopy':{'requests':1300,'requested-pages':1250,'pushed-pages':40000,"
                + "'transferred-bytes':170000000,'recoveries':1,'blocktime-nanos':312000000,'missing-pages':" + missing
                + ",'waiting-faults':" + waiting + ",'latency-buckets':" + buckets + ",'latency':{'whole':"
                + latency(1234) + ",'wire':" + latency(1234) + ",'source':" + latency(7)
                + "},'vcpus':[{'vcpu':0,'faults':1230,'waited-nanos':312000000,'longest-nanos':4100000},"
                + "{'vcpu':-1,'faults':4,'waited-nanos':200000,'longest-nanos':90000}]}}");
    }

    private static String latency(int count) {
        return "{'count':" + count + ",'mean-nanos':100000,'p50-nanos':92000,'p90-nanos':150000,'p99-nanos':231000,"
                + "'p99.9-nanos':1900000,'max-nanos':4100000}";
    }

    private static MigrationSample sample(String status, long millis, JsonNode told, Optional<FaultSample> earlier) {
        return MigrationSample.of(Json.parse("{'status':'" + status + "','total-time':" + millis
                        + ",'setup-time':1,'expected-downtime':14,'ram':{'total':536870912,'remaining':4096000,"
                        + "'transferred':100000000,'mbps':800.5,'dirty-pages-rate':20000,'page-size':4096,"
                        + "'dirty-sync-count':2,'normal':20,'duplicate':3}}"))
                .withFaults(FaultSample.of(told, earlier));
    }

    private static final JsonNode FIRST = statistics(98_304, 2, "[[95000,30],[120000,10]]");
    private static final JsonNode SECOND = statistics(65_536, 1, "[[95000,30],[120000,110],[4100000,2]]");

    @Test
    void whatCameSinceTheSampleBeforeIsToldApart() {
        FaultSample first = FaultSample.of(FIRST, Optional.empty()).orElseThrow();
        FaultSample second = FaultSample.of(SECOND, Optional.of(first)).orElseThrow();
        assertThat(first.lately().count()).isEqualTo(40);
        assertThat(first.lately().percentileNanos(50)).isEqualTo(95_000);
        assertThat(second.served()).isEqualTo(142);
        assertThat(second.lately().count()).isEqualTo(102);
        assertThat(second.lately().percentileNanos(50)).isEqualTo(120_000);
        assertThat(second.lately().percentileNanos(99)).isEqualTo(4_100_000);
        assertThat(second.lately().doublings(4, 16)).containsExactly(0, 0, 100, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0);
        assertThat(FaultSample.of(Json.object(), Optional.of(first))).isEmpty();
    }

    @Test
    void plainLinesTellFaults() {
        PlainProgress view = new PlainProgress(out);
        MigrationSample first = sample("postcopy-active", 1000, FIRST, Optional.empty());
        view.show(first);
        view.show(sample("postcopy-active", 1100, FIRST, first.faults()));
        view.show(sample("postcopy-active", 1300, SECOND, first.faults()));
        view.show(sample("postcopy-active", 1600, SECOND, Optional.empty()).withFaults(Optional.empty()));
        assertThat(text.toString().lines())
                .containsExactly(
                        "postcopy-active: 1.0 s, 98,304 pages missing (384 MiB of 512 MiB), 40 faults served, 2 "
                                + "waiting, lately p50 95 us, p99 120 us",
                        "postcopy-active: 1.3 s, 65,536 pages missing (256 MiB of 512 MiB), 142 faults served, 1 "
                                + "waiting, lately p50 120 us, p99 4.1 ms",
                        "postcopy-active: 1.6 s, 1,000 pages to go, 100 MB sent");
    }

    @Test
    void aPauseIsToldOnceWithItsReason() {
        PlainProgress view = new PlainProgress(out);
        MigrationSample paused = sample("postcopy-paused", 1000, FIRST, Optional.empty());
        view.show(paused.endedAs("postcopy-paused", Optional.of("the wire broke")));
        view.show(paused.endedAs("postcopy-paused", Optional.of("the wire broke")));
        view.show(sample("postcopy-paused", 9000, FIRST, Optional.empty())
                .endedAs("postcopy-paused", Optional.of("the wire broke")));
        view.show(sample("postcopy-active", 9100, SECOND, Optional.empty())
                .endedAs("postcopy-active", Optional.of("the wire broke")));
        assertThat(text.toString().lines()).hasSize(2).first().isEqualTo("postcopy-paused: the wire broke");
        assertThat(text.toString()).contains("postcopy-active: 9.1 s, 65,536 pages missing");
    }

    @Test
    void theDrawingShowsMemoryFaultsAndTheirLatency() {
        TerminalProgress view = new TerminalProgress(out, false);
        MigrationSample first = sample("postcopy-active", 1000, FIRST, Optional.empty());
        view.show(first);
        view.show(sample("postcopy-active", 1100, SECOND, first.faults()));
        view.end(sample("completed", 1200, SECOND, Optional.empty()));
        String[] drawings = text.toString().split("\u001b\\[4A\u001b\\[J", -1);
        assertThat(drawings).hasSize(3);
        assertThat(drawings[0]).contains("memory there   ########........................  25 %  98,304 pages missing");
        assertThat(drawings[1])
                .contains("50 %", "1,020/s, 1 waiting", "p50 120 us, p99 4.1 ms", "142 faults served", "    ##   ");
        assertThat(drawings[1].replace("\u001b[?7l", "").lines())
                .allSatisfy(line -> assertThat(line).hasSizeLessThan(80));
    }

    @Test
    void jsonLinesHaveAMemberForFaults() {
        new JsonProgress(out).show(sample("postcopy-active", 1000, FIRST, Optional.empty()));
        JsonNode line = Json.parse(text.toString());
        assertThat(line.path("status").asString()).isEqualTo("postcopy-active");
        assertThat(line.path("postcopy"))
                .isEqualTo(Json.parse("{'missingPages':98304,'faultsServed':40,'faultsWaiting':2,'faultsLately':40,"
                        + "'p50Micros':95.0,'p99Micros':120.0}"));
    }

    @Test
    void theReportTellsEveryPartOfAFaultAndEveryWait() {
        FaultReport faults = FaultReport.of(FIRST, FIRST).orElseThrow();
        assertThat(faults.lines())
                .containsExactly(
                        "  faults    1,250 pages sent because they were asked for, 40,000 pushed; recovered once",
                        "                      faults    p50     p99   p99.9     max",
                        "            latency    1,234  92 us  231 us  1.9 ms  4.1 ms",
                        "              source       7  92 us  231 us  1.9 ms  4.1 ms",
                        "              wire     1,234  92 us  231 us  1.9 ms  4.1 ms",
                        "            vCPU 0 waited 1,230 times, 312.0 ms in all, 4.1 ms at the longest",
                        "            other threads waited 4 times, 200 us in all, 90 us at the longest");
        JsonNode json = Json.parse(Json.write(faults.toJson()));
        assertThat(json.path("requestedPages").asLong()).isEqualTo(1250);
        assertThat(json.path("blocktimeMicros").asLong()).isEqualTo(312_000);
        assertThat(json.path("faultLatency").path("whole").path("p99.9Micros").asDouble())
                .isEqualTo(1900.0);
        assertThat(json.path("faultLatency").path("event").path("count").asLong(-1))
                .isZero();
        assertThat(json.path("vcpus").path(0).path("waitedMicros").asLong()).isEqualTo(312_000);
        assertThat(FaultReport.of(Json.object(), Json.object())).isEmpty();
    }

    @Test
    void whoIsPausedIsToldWhatToType() {
        MigrationSample paused = sample("postcopy-paused", 1000, FIRST, Optional.empty())
                .endedAs("postcopy-paused", Optional.of("The connection was lost."));
        assertThat(PausedPostcopy.advice(paused, "unix:/tmp/a b", Optional.of("unix:/tmp/b"), "tcp:10.0.0.2:4444")
                        .lines())
                .containsExactly(
                        "The migration is paused: The connection was lost. Keep both sides: the guest is at the "
                                + "destination, and what it lacks of its memory is at the source. To go on:",
                        "  godwit migrate --recover --qmp unix:/tmp/b tcp:10.0.0.2:4444",
                        "  godwit migrate --resume --qmp 'unix:/tmp/a b' tcp:10.0.0.2:4444");
        assertThat(PausedPostcopy.advice(paused, "unix:/a", Optional.empty(), "tcp:h:1"))
                .contains("--qmp DESTINATION-QMP tcp:h:1");
    }

    @Test
    void spansAreShortToRead() {
        assertThat(TimeSpan.text(850)).isEqualTo("850 ns");
        assertThat(TimeSpan.text(3_250)).isEqualTo("3.3 us");
        assertThat(TimeSpan.text(92_400)).isEqualTo("92 us");
        assertThat(TimeSpan.text(4_100_000)).isEqualTo("4.1 ms");
        assertThat(TimeSpan.text(1_200_000_000)).isEqualTo("1.20 s");
    }
}
