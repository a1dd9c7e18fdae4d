// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.waits;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.VcpuWaits.Cause;
import io.godwit.engine.report.WaitStatistics;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MigrationWaitsTest {
    @TempDir
    Path directory;

    @Test
    void eachVcpuAndTheCommandsHaveTheirOwnFigures() {
        MigrationWaits waits = new MigrationWaits(2);
        assertThat(waits.statistics().longestVcpuNanos()).isZero();
        waits.waited(0, Cause.KICK, 700);
        waits.waited(1, Cause.RING_FULL, 500);
        waits.waited(1, Cause.RING_FULL, 900);
        waits.commandTook("query-migrate", 40_000);
        WaitStatistics figures = waits.statistics();
        assertThat(figures.vcpus()).hasSize(2);
        assertThat(figures.vcpus().get(0).count()).isEqualTo(1);
        assertThat(figures.vcpus().get(1).count()).isEqualTo(2);
        assertThat(figures.vcpus().get(1).sumNanos()).isEqualTo(1400);
        assertThat(figures.longestVcpuNanos()).isEqualTo(900);
        assertThat(figures.commands().count()).isEqualTo(1);
        assertThat(figures.commands().maxNanos()).isEqualTo(40_000);
        assertThat(figures.trackerCalls().count()).isZero();
    }

    @Test
    void longWaitsAreToldOneByOneAndAllOfThemAtTheEnd() throws Exception {
        Path file = directory.resolve("recording.jfr");
        try (Recording recording = new Recording()) {
            List.of("VcpuWait", "CommandWait", "WaitSummary").forEach(name -> recording.enable("io.godwit." + name));
            recording.start();
            MigrationWaits waits = new MigrationWaits(1);
            waits.waited(0, Cause.RING_FULL, MigrationWaits.LONG_NANOS - 1);
            waits.waited(0, Cause.RING_FULL, MigrationWaits.LONG_NANOS);
            waits.commandTook("stop", MigrationWaits.LONG_NANOS - 1);
            waits.commandTook("cont", MigrationWaits.LONG_NANOS + 1);
            waits.summarize();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        RecordedEvent vcpu = only(events, "io.godwit.VcpuWait");
        assertThat(vcpu.getInt("vcpu")).isZero();
        assertThat(vcpu.getString("cause")).isEqualTo("ring-full");
        assertThat(vcpu.getLong("waited")).isEqualTo(MigrationWaits.LONG_NANOS);
        assertThat(only(events, "io.godwit.CommandWait").getString("command")).isEqualTo("cont");
        RecordedEvent summary = only(events, "io.godwit.WaitSummary");
        assertThat(summary.getLong("vcpuWaits")).isEqualTo(2);
        assertThat(summary.getLong("longestVcpuWait")).isEqualTo(MigrationWaits.LONG_NANOS);
        assertThat(summary.getLong("commands")).isEqualTo(2);
        assertThat(summary.getLong("longestCommand")).isEqualTo(MigrationWaits.LONG_NANOS + 1);
    }

    private static RecordedEvent only(List<RecordedEvent> events, String name) {
        List<RecordedEvent> found = events.stream()
                .filter(event -> event.getEventType().getName().equals(name))
                .toList();
        assertThat(found).hasSize(1);
        return found.getFirst();
    }
}
