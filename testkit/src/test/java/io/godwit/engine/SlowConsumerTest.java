// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.MigrationParameter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A command that has got the whole guest and does not end: the guest does not stand still for ever. */
class SlowConsumerTest {
    @TempDir
    private Path directory;

    @Test
    void theGuestRunsOnHereAfterTheHandoverTimeout() throws Exception {
        String mark = "0." + System.nanoTime();
        try (Pair pair = new Pair(directory)) {
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.HANDOVER_TIMEOUT, 400));
            long before = pipes();
            for (int i = 0; i < 3; i++) {
                pair.source.migrate("exec:cat > /dev/null; sleep 3600; echo " + mark);
                assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
                MigrationStatistics statistics = pair.source.statistics();
                assertThat(statistics.status()).isEqualTo(MigrationStatus.FAILED);
                assertThat(statistics.owner()).contains(GuestOwner.HERE);
                assertThat(statistics.error().orElseThrow())
                        .contains("400 ms", "may be whole", GuestOwner.HERE.sentence());
                pair.assertRunsAtSourceOnly();
            }
            assertThat(pipes()).as("pipes of this process").isEqualTo(before);
            assertThat(ProcessHandle.current().descendants())
                    .noneMatch(
                            process -> process.info().commandLine().orElse("").contains(mark));
            awaitNoThread("mig-finish");
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.HANDOVER_TIMEOUT, 60_000));
            pair.source.migrate("exec:cat > /dev/null");
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        }
    }

    @Test
    void aWarningShowsWhileTheGuestStandsStill() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.HANDOVER_TIMEOUT, 600_000));
            pair.source.migrate("exec:cat > /dev/null; exec sleep 3600");
            long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
            while (pair.source.statistics().warning().isEmpty()) {
                assertThat(System.nanoTime()).as("a warning comes").isLessThan(deadline);
                Thread.onSpinWait();
            }
            assertThat(pair.source.statistics().warning().orElseThrow())
                    .contains("has stood still", "exec:cat", "600.0 s");
            pair.source.cancel();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().warning()).isEmpty();
            pair.assertRunsAtSourceOnly();
        }
    }

    private static long pipes() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.filter(SlowConsumerTest::isPipe).count();
        }
    }

    private static boolean isPipe(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().startsWith("pipe:");
        } catch (IOException _) {
            // It was the listing's own.
            return false;
        }
    }

    private static void awaitNoThread(String name) {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals(name))) {
            assertThat(System.nanoTime()).as("the thread " + name + " ends").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }
}
