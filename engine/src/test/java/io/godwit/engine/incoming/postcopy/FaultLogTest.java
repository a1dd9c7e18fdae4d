// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.report.PostcopyStatistics;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FaultLogTest {
    private static final long MILLI = 1_000_000;

    private final FaultLog log = new FaultLog(new PageWaits(new Two()), MonotonicClock.SYSTEM);

    static final class Two implements Vcpus {
        @Override
        public int count() {
            return 2;
        }

        @Override
        public int[] threadIds() {
            return new int[] {101, 102};
        }

        @Override
        public void pause(Duration deadline) {}

        @Override
        public void resume() {}
    }

    @Test
    void partsOfAFaultAddUpToTheWhole() {
        long now = System.nanoTime();
        log.faulted(0x1000, 101, now - 9 * MILLI, now - 8 * MILLI);
        log.requested(0x1000, now - 7 * MILLI);
        assertThat(log.waiting()).isEqualTo(1);
        log.placed(0x1000, now - 2 * MILLI, 1);
        assertThat(log.waiting()).isZero();
        PostcopyStatistics.FaultLatency latency = log.latency();
        assertThat(latency.event().maxNanos()).isEqualTo(MILLI);
        assertThat(latency.request().maxNanos()).isEqualTo(2 * MILLI);
        assertThat(latency.wire().maxNanos()).isEqualTo(5 * MILLI);
        assertThat(latency.place().maxNanos()).isGreaterThanOrEqualTo(2 * MILLI);
        assertThat(latency.whole().maxNanos())
                .isEqualTo(latency.request().maxNanos()
                        + latency.wire().maxNanos()
                        + latency.place().maxNanos());
        assertThat(log.requests()).isEqualTo(1);
        assertThat(log.requestedPages()).isEqualTo(1);
    }

    @Test
    void allWhoWaitForAPageGoOnWithIt() {
        long now = System.nanoTime();
        log.faulted(0x1000, 101, now, now);
        log.faulted(0x1000, 102, now, now);
        log.faulted(0x1000, 7, now, now);
        log.faulted(0x2000, 8, now, now);
        log.placed(0x1000, now, 1);
        assertThat(log.waiting()).isEqualTo(1);
        assertThat(log.latency().whole().count()).isEqualTo(3);
        assertThat(log.vcpus()).extracting(PostcopyStatistics.VcpuWait::vcpu).containsExactly(0, 1, -1);
    }

    @Test
    void aThreadThatASignalMadeTryAgainWaitsOnce() {
        long now = System.nanoTime();
        log.faulted(0x1000, 101, now - 5 * MILLI, now);
        log.faulted(0x1000, 101, now, now);
        log.placed(0x1000, now, 1);
        assertThat(log.latency().whole().count()).isEqualTo(1);
        assertThat(log.vcpus().getFirst().faults()).isEqualTo(1);
        assertThat(log.vcpus().getFirst().waitedNanos()).isGreaterThanOrEqualTo(5 * MILLI);
    }

    @Test
    void onlyTheTimeWhenAllVcpusWaitIsBlocktime() {
        long now = System.nanoTime();
        log.faulted(0x1000, 101, now - 50 * MILLI, now);
        assertThat(log.blocktimeNanos()).isZero();
        log.faulted(0x2000, 102, now - 20 * MILLI, now);
        assertThat(log.blocktimeNanos()).isGreaterThanOrEqualTo(20 * MILLI);
        log.placed(0x2000, now, 1);
        long blocktime = log.blocktimeNanos();
        assertThat(blocktime).isBetween(20 * MILLI, 49 * MILLI);
        log.placed(0x1000, now, 1);
        assertThat(log.blocktimeNanos()).isEqualTo(blocktime);
    }

    @Test
    void whatWasInPlaceBeforeIsNoLongerWaitedFor() {
        long now = System.nanoTime();
        log.faulted(0x1000, 101, now, now);
        log.withdrawn(0x1000);
        log.placed(0x1000, now, 1);
        assertThat(log.waiting()).isZero();
        assertThat(log.latency().whole().count()).isEqualTo(1);
        assertThat(log.latency().place().count()).isZero();
    }

    @Test
    void longFaultsAreFlightRecorderEventsAndShortOnesAreNot(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("faults.jfr");
        try (Recording recording = new Recording()) {
            recording.enable("io.godwit.PostcopyFault");
            recording.start();
            long now = System.nanoTime();
            log.faulted(0x1000, 101, now - 9 * MILLI, now - 9 * MILLI);
            log.requested(0x1000, now - 8 * MILLI);
            log.placed(0x1000, now - 3 * MILLI, 1);
            log.faulted(0x2000, 101, System.nanoTime(), System.nanoTime());
            log.placed(0x2000, System.nanoTime(), 1);
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        assertThat(events).hasSize(1);
        assertThat(events.getFirst().getLong("address")).isEqualTo(0x1000);
        assertThat(events.getFirst().getDuration("wire")).isEqualTo(Duration.ofMillis(5));
        assertThat(events.getFirst().getInt("thread")).isEqualTo(101);
    }
}
