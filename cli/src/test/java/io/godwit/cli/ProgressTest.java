// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class ProgressTest {
    private final StringWriter text = new StringWriter();
    private final PrintWriter out = new PrintWriter(text, true);

    private static MigrationSample sample(String status, int pass, long remaining, long millis) {
        return MigrationSample.of(Json.parse("{\"status\":\"" + status + "\",\"total-time\":" + millis
                + ",\"setup-time\":1,\"expected-downtime\":14,\"ram\":{\"total\":536870912,\"remaining\":" + remaining
                + ",\"transferred\":100000000,\"mbps\":800.5,\"dirty-pages-rate\":20000,\"page-size\":4096,"
                + "\"dirty-sync-count\":" + pass + ",\"normal\":20,\"duplicate\":3}}"));
    }

    @Test
    void plainLinesComeWithEachPassAndEachSecond() {
        PlainProgress view = new PlainProgress(out);
        view.show(sample("active", 1, 400 << 20, 100));
        view.show(sample("active", 1, 300 << 20, 300));
        view.show(sample("active", 1, 200 << 20, 1200));
        view.show(sample("active", 2, 10 << 20, 1300));
        view.end(sample("completed", 3, 0, 1500));
        assertThat(text.toString().lines())
                .containsExactly(
                        "active: 0.1 s, pass 1, 102,400 pages left (400 MiB of 512 MiB), dirty 81.9 MB/s against 100 "
                                + "MB/s, expected downtime 14 ms",
                        "active: 1.2 s, pass 1, 51,200 pages left (200 MiB of 512 MiB), dirty 81.9 MB/s against 100 "
                                + "MB/s, expected downtime 14 ms",
                        "active: 1.3 s, pass 2, 2,560 pages left (10 MiB of 512 MiB), dirty 81.9 MB/s against 100 "
                                + "MB/s, expected downtime 14 ms");
    }

    @Test
    void theDrawingIsRedrawnInPlaceAndGoneAtTheEnd() {
        TerminalProgress view = new TerminalProgress(out, false);
        view.show(sample("active", 1, 256 << 20, 100));
        view.show(sample("active", 1, 128 << 20, 200));
        view.end(sample("completed", 2, 0, 300));
        String[] drawings = text.toString().split("\u001b\\[4A\u001b\\[J", -1);
        assertThat(drawings).hasSize(3);
        assertThat(drawings[0]).contains("pass 1", "################................", " 50 %", "65,536 pages left");
        assertThat(drawings[1]).contains(" 75 %", "pause if stopped now: 14 ms");
        assertThat(drawings[2]).isEmpty();
        assertThat(drawings[0])
                .as("what is too wide is not wrapped")
                .startsWith("\u001b[?7l")
                .endsWith("\u001b[?7h");
        assertThat(drawings[0].lines()).allSatisfy(line -> assertThat(line).hasSizeLessThan(80));
    }

    @Test
    void aWarningIsNewsAndStandsBelowTheFigures() {
        String answer =
                "{\"status\":\"device\",\"total-time\":300,\"x-warning\":\"The guest has stood still for 0.3 s\","
                        + "\"ram\":{\"total\":536870912,\"dirty-sync-count\":3}}";
        MigrationSample warned = MigrationSample.of(Json.parse(answer));
        PlainProgress plain = new PlainProgress(out);
        plain.show(sample("device", 3, 0, 200));
        plain.show(warned);
        assertThat(text.toString().lines()).hasSize(3).last().isEqualTo("  The guest has stood still for 0.3 s");
        assertThat(warned.toJson().path("warning").asString("")).isEqualTo("The guest has stood still for 0.3 s");
        new TerminalProgress(out, false).show(warned);
        assertThat(text.toString().lines().filter(line -> line.contains("stood still")))
                .hasSize(2);
    }

    private static MigrationSample throttled(int percent, long millis, MigrationSample earlier) {
        String answer = "{\"status\":\"active\",\"cpu-throttle-percentage\":" + percent + ",\"total-time\":" + millis
                + ",\"ram\":{\"total\":536870912,\"remaining\":4096,\"dirty-sync-count\":2}}";
        return MigrationSample.of(Json.parse(answer)).withThrottleSince(earlier);
    }

    @Test
    void whatIsTakenFromTheGuestIsShownWhenThereIsOrWasSomething() {
        MigrationSample first = sample("active", 1, 256 << 20, 100);
        MigrationSample high = throttled(50, 200, first);
        MigrationSample low = throttled(20, 300, high);
        assertThat(PlainProgress.line(first)).doesNotContain("throttle");
        assertThat(PlainProgress.line(high)).endsWith(", throttle 50 % (highest 50 %)");
        assertThat(PlainProgress.line(low)).endsWith(", throttle 20 % (highest 50 %)");
        assertThat(PlainProgress.line(throttled(0, 400, low))).endsWith(", throttle 0 % (highest 50 %)");
        TerminalProgress view = new TerminalProgress(out, false);
        view.show(first);
        view.show(low);
        view.show(first);
        String[] drawings = text.toString().split("\u001b\\[[45]A\u001b\\[J", -1);
        assertThat(drawings).hasSize(3);
        assertThat(drawings[0].lines()).hasSize(5).noneMatch(line -> line.contains("throttle"));
        assertThat(drawings[1].lines())
                .hasSize(6)
                .anyMatch(line -> line.contains("throttle       ######..........................  20 %  highest 50 %"))
                .allSatisfy(line -> assertThat(line).hasSizeLessThan(80));
        assertThat(low.toJson().path("throttlePercent").asInt()).isEqualTo(20);
        assertThat(low.toJson().path("highestThrottlePercent").asInt()).isEqualTo(50);
    }

    @Test
    void aGuestThatStandsAtPreSwitchoverIsSaidToOnce() {
        PlainProgress view = new PlainProgress(out);
        view.show(sample("active", 1, 1 << 20, 100));
        view.show(sample("pre-switchover", 2, 1 << 20, 300));
        view.show(sample("pre-switchover", 2, 1 << 20, 5000));
        assertThat(text.toString().lines().skip(1))
                .containsExactly("pre-switchover: the guest stands still until migrate-continue");
    }

    @Test
    void jsonIsOneObjectALine() {
        new JsonProgress(out).show(sample("active", 1, 256 << 20, 100));
        JsonNode line = Json.parse(text.toString());
        assertThat(line.path("pass").asInt()).isEqualTo(1);
        assertThat(line.path("bandwidthBytesPerSecond").asLong()).isEqualTo(100_062_500);
    }

    @Test
    void whatFailedKeepsItsLastFiguresAndSaysWhy() {
        MigrationSample end =
                sample("active", 1, 256 << 20, 100).endedAs("failed", java.util.Optional.of("the wire broke"));
        assertThat(end.hasFigures()).isTrue();
        assertThat(PlainProgress.line(end)).isEqualTo("failed: the wire broke");
        assertThat(Report.ending("The migration to X", end)).isEqualTo("The migration to X failed: the wire broke.");
    }

    @Test
    void aReasonThatIsAWholeSentenceIsSaidOnce() {
        String sentence = "The migration to tcp:h:1 failed: ECONNREFUSED; the guest is here, as it was.";
        MigrationSample end = sample("active", 1, 256 << 20, 100).endedAs("failed", java.util.Optional.of(sentence));
        assertThat(Report.ending("The migration to tcp:h:1", end)).isEqualTo(sentence);
    }

    @Test
    void aNoteStaysBetweenTheDrawings() {
        MigrationSample sample = sample("active", 1, 256 << 20, 100);
        TerminalProgress drawing = new TerminalProgress(out, false);
        drawing.show(sample);
        drawing.note("The source is silent.");
        drawing.show(sample);
        assertThat(text.toString())
                .contains("\u001b[4A\u001b[J  The source is silent.\n")
                .doesNotContain("[5A");
    }

    @Test
    void aNoteInJsonHasTheLastFigures() {
        JsonProgress view = new JsonProgress(out);
        view.show(sample("active", 2, 256 << 20, 100));
        view.note("The source is silent.");
        JsonNode line = Json.parse(text.toString().lines().toList().getLast());
        assertThat(line.path("pass").asInt()).isEqualTo(2);
        assertThat(line.path("note").asString("")).isEqualTo("The source is silent.");
    }

    @Test
    void theReportOfAForeignHostHasAllMembers() {
        MigrationSample last = sample("completed", 2, 0, 1001);
        JsonNode report = new Report(last, new SourceFigures(Json.object(), Json.object())).json();
        assertThat(report.propertyNames()).contains(ReportShape.MEMBERS);
        assertThat(report.path("guestPauseMicros").isNull()).isTrue();
        assertThat(report.path("verification").isNull()).isTrue();
        assertThat(report.path("throughputBytesPerSecond").asLong()).isEqualTo(100_000_000);
    }
}
