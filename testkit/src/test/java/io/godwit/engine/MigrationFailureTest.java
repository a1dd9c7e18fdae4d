// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong before the switchover leaves the guest where it is, running. */
@Timeout(120)
class MigrationFailureTest {
    @TempDir
    Path directory;

    @Test
    void anUnreachableDestinationFailsAndTheGuestRunsOn() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.migrate("unix:" + directory.resolve("nobody"));
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("cannot reach unix:", "ENOENT", GuestOwner.HERE.sentence());
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aFailingCommandFailsTheMigrationAndTheGuestComesBack() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.migrate("exec:cat > /dev/null; exit 3");
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error().orElseThrow()).contains("ended with status 3");
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aCommandIsEndedWhenTheMigrationIs() throws Exception {
        try (Pair pair = new Pair(directory)) {
            CountDownLatch active = new CountDownLatch(1);
            pair.source.addListener(new MigratorTest.OnStatus(MigrationStatus.ACTIVE, active::countDown));
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 1 << 20));
            String mark = "0." + System.nanoTime();
            // It never reads and never ends.
            pair.source.migrate("exec:sleep 3600; echo " + mark);
            active.await();
            assertThat(ProcessHandle.current().descendants().anyMatch(p -> isCommand(p, mark)))
                    .isTrue();
            pair.source.cancel();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.CANCELLED);
            assertThat(ProcessHandle.current().descendants().anyMatch(p -> isCommand(p, mark)))
                    .isFalse();
            pair.assertRunsAtSourceOnly();
        }
    }

    private static boolean isCommand(ProcessHandle process, String mark) {
        return process.info().commandLine().orElse("").contains(mark);
    }

    @Test
    void cancelBringsTheGuestBackFromACommandThatDoesNotEnd() throws Exception {
        Path fifo = directory.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        try (Pair pair = new Pair(directory)) {
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.HANDOVER_TIMEOUT, 600_000));
            pair.source.migrate("exec:cat > /dev/null; echo all > '" + fifo + "'; exec sleep 3600");
            assertThat(Files.readString(fifo))
                    .as("the command has the whole stream")
                    .isEqualTo("all\n");
            pair.source.cancel();
            // Sooner than the patience with a command that has the whole stream.
            assertThat(pair.source.awaitEnd(Duration.ofSeconds(30))).isTrue();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.CANCELLED);
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aCommandThatDiesSaysWithWhichStatus() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.migrate("exec:exit 7");
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error().orElseThrow()).contains("'exit 7' ended with status 7");
            pair.destination.migrateIncoming("exec:exit 8");
            assertThat(pair.destination.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.destination.statistics().error().orElseThrow()).contains("'exit 8' ended with status 8");
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aFullDiskFailsTheMigrationAndTheGuestRunsOn() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.migrate("file:/dev/full");
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error().orElseThrow()).contains("ENOSPC", "/dev/full");
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aDestinationThatRefusesTheDeviceStateGivesTheGuestBack() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.destinationGuest.refusesState = true;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.destination.statistics().error().orElseThrow()).contains("device register/0");
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("refused the guest", "device register/0", GuestOwner.HERE.sentence());
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aDestinationWithoutPostcopySaysSoToTheSource() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.setCapability(Capability.POSTCOPY_RAM, true);
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("refused the guest", "'postcopy-ram'", GuestOwner.HERE.sentence());
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aVcpuThatDoesNotStopFailsTheMigrationAndRunsOn() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.sourceGuest.refusesToStop = true;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            pair.sourceGuest.refusesToStop = false;
            assertThat(pair.source.statistics().error().orElseThrow()).contains("vcpu-0 did not stop");
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aCrashedGuestIsAnInternalErrorAndIsNotMigrated() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.sourceGuest.crashed = true;
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.INTERNAL_ERROR);
            assertThatThrownBy(() -> pair.source.migrate("tcp:127.0.0.1:1"))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("internal-error");
            assertThatThrownBy(pair.sourceRun::cont).isInstanceOf(MigrationException.Refused.class);
        }
    }

    @Test
    void aGuestThatCrashesDuringItsMigrationIsNotHandedOver() throws Exception {
        try (Pair pair = new Pair(directory)) {
            CountDownLatch active = new CountDownLatch(1);
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 4 << 20));
            pair.source.addListener(new MigratorTest.OnStatus(MigrationStatus.ACTIVE, active::countDown));
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            active.await();
            pair.sourceGuest.crashed = true;
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 0));
            pair.awaitEnds();
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("internal-error", "nothing to hand over");
            assertThat(pair.destinationRun.state()).isNotEqualTo(RunState.RUNNING);
        }
    }
}
