// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.linux.io.Pipes;
import io.godwit.linux.io.Sockets;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class MigratorTest {
    @TempDir
    Path directory;

    @Test
    void aRunningGuestMovesOverTcpAndItsMemoryIsTheSame() throws Exception {
        try (Pair pair = new Pair(directory)) {
            Pair.assertCountsOn(pair.sourceGuest);
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertMoved(pair);
        }
    }

    @Test
    void aRunningGuestMovesOverAUnixSocket() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.migrate(pair.listen("unix:" + directory.resolve("wire")));
            assertMoved(pair);
        }
        assertThat(directory.resolve("wire")).as("the socket's file is removed").doesNotExist();
    }

    @Test
    void aRunningGuestMovesThroughAFileAndRunsFromIt() throws Exception {
        try (Pair pair = new Pair(directory)) {
            String uri = "file:" + directory.resolve("stream") + ",offset=4096";
            pair.source.migrate(uri);
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            pair.destination.migrateIncoming(uri);
            pair.awaitEnds();
            assertMoved(pair);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 100_000, 1 << 20, 20 << 20})
    void bytesBehindTheStreamInAFileAreNotTheGuests(int count) throws Exception {
        long seed = System.nanoTime();
        System.out.println("bytes behind the stream: seed " + seed);
        byte[] bytes = new byte[count];
        new SplittableRandom(seed).nextBytes(bytes);
        try (Pair pair = new Pair(directory)) {
            Path file = directory.resolve("stream");
            pair.source.migrate("file:" + file);
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            Files.write(file, bytes, StandardOpenOption.APPEND);
            pair.destination.migrateIncoming("file:" + file);
            pair.awaitEnds();
            assertMoved(pair);
        }
    }

    @Test
    void aStreamInAFileThatIsCutIsStillBroken() throws Exception {
        try (Pair pair = new Pair(directory)) {
            Path file = directory.resolve("stream");
            pair.source.migrate("file:" + file);
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            try (FileChannel whole = FileChannel.open(file, StandardOpenOption.WRITE)) {
                FileChannel _ = whole.truncate(whole.size() - 1);
            }
            pair.destination.migrateIncoming("file:" + file);
            pair.awaitEnds();
            assertThat(pair.destination.statistics().error().orElseThrow()).contains("broke off");
            assertThat(pair.destinationRun.state()).isEqualTo(RunState.INMIGRATE);
        }
    }

    @Test
    void aRunningGuestMovesThroughCommands() throws Exception {
        try (Pair pair = new Pair(directory)) {
            Path file = directory.resolve("stream");
            pair.source.migrate("exec:cat > '" + file + "'");
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error()).isEmpty();
            pair.destination.migrateIncoming("exec:cat '" + file + "'");
            pair.awaitEnds();
            assertMoved(pair);
        }
    }

    @Test
    void aRunningGuestMovesOverAnInheritedSocket() throws Exception {
        try (Pair pair = new Pair(directory)) {
            Sockets.Pair sockets = Sockets.pair();
            pair.destination.migrateIncoming("fd:" + sockets.second().number());
            pair.migrate("fd:" + sockets.first().number());
            assertMoved(pair);
        }
    }

    @Test
    void aRunningGuestMovesThroughAnInheritedPipeWithoutAnAnswer() throws Exception {
        try (Pair pair = new Pair(directory)) {
            Pipes.Pair pipe = Pipes.pair();
            pair.destination.migrateIncoming("fd:" + pipe.readEnd().number());
            pair.migrate("fd:" + pipe.writeEnd().number());
            assertMoved(pair);
        }
    }

    @Test
    void aPausedGuestArrivesPausedAndIsStartedByCont() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.sourceRun.stop();
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.destinationRun.state()).isEqualTo(RunState.PAUSED);
            pair.destinationRun.cont();
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void aRunningGuestThatShallWaitForContArrivesPausedAndIsStartedByCont() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.destinationRun.pauseOnArrival();
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.destination.statistics().owner()).contains(GuestOwner.HERE);
            assertThat(pair.destinationRun.state()).isEqualTo(RunState.PAUSED);
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.POSTMIGRATE);
            assertThat(pair.census.running.get()).isZero();
            pair.destinationRun.cont();
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void contBeforeTheArrivalLetsAGuestThatShallWaitStartByItself() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.destinationRun.pauseOnArrival();
            pair.destinationRun.cont();
            assertThatThrownBy(pair.destinationRun::cont)
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("starts by itself");
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertMoved(pair);
        }
    }

    @Test
    void onlyAGuestThatIsAwaitedCanBePausedOnArrival() {
        try (Pair pair = new Pair(directory)) {
            assertThatThrownBy(pair.sourceRun::pauseOnArrival)
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("running");
        }
    }

    @Test
    void statesAndPassesComeInQemusOrder() throws Exception {
        List<String> seen = Collections.synchronizedList(new ArrayList<>());
        try (Pair pair = new Pair(directory)) {
            pair.source.addListener(new Recorder(seen));
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
        }
        assertThat(seen).startsWith("setup", "pass 1", "active");
        assertThat(seen.get(seen.size() - 1)).isEqualTo("completed");
        assertThat(seen.get(seen.size() - 2)).startsWith("pass ");
        assertThat(seen.get(seen.size() - 3)).isEqualTo("device");
    }

    @Test
    void theGuestWaitsInPreSwitchoverAndGoesOnWhenTold() throws Exception {
        try (Pair pair = new Pair(directory)) {
            CountDownLatch waiting = new CountDownLatch(1);
            pair.source.setCapability(Capability.PAUSE_BEFORE_SWITCHOVER, true);
            pair.source.addListener(new OnStatus(MigrationStatus.PRE_SWITCHOVER, waiting::countDown));
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            waiting.await();
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.FINISH_MIGRATE);
            assertThat(pair.census.running.get()).isZero();
            pair.source.continueFrom(MigrationStatus.PRE_SWITCHOVER);
            pair.awaitEnds();
            assertMoved(pair);
        }
    }

    @Test
    void cancelInPreSwitchoverBringsTheGuestBack() throws Exception {
        try (Pair pair = new Pair(directory)) {
            CountDownLatch waiting = new CountDownLatch(1);
            pair.source.setCapability(Capability.PAUSE_BEFORE_SWITCHOVER, true);
            pair.source.addListener(new OnStatus(MigrationStatus.PRE_SWITCHOVER, waiting::countDown));
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            waiting.await();
            pair.source.cancel();
            pair.awaitEnds();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.CANCELLED);
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void cancelWhileMemoryIsOnItsWayLeavesTheGuestRunning() throws Exception {
        try (Pair pair = new Pair(directory)) {
            CountDownLatch active = new CountDownLatch(1);
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 1 << 20));
            pair.source.addListener(new OnStatus(MigrationStatus.ACTIVE, active::countDown));
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            active.await();
            pair.source.cancel();
            pair.awaitEnds();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.CANCELLED);
            assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void theGuestCanMigrateAgainAfterACancel() throws Exception {
        try (Pair pair = new Pair(directory);
                Pair other = new Pair(directory)) {
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 1 << 20));
            pair.source.migrate(other.listen("tcp:127.0.0.1:0"));
            pair.source.cancel();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 0));
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertMoved(pair);
        }
    }

    @Test
    void aGuestThatLivesElsewhereIsNotStartedHere() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThatThrownBy(pair.sourceRun::cont).isInstanceOf(MigrationException.RightToRun.class);
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void whatIsNotPossibleNowIsRefused() throws Exception {
        try (Pair pair = new Pair(directory)) {
            assertThatThrownBy(() -> pair.destination.migrate("tcp:127.0.0.1:1"))
                    .isInstanceOf(MigrationException.Refused.class);
            assertThatThrownBy(() -> pair.source.migrateIncoming("tcp:127.0.0.1:0"))
                    .isInstanceOf(MigrationException.Refused.class);
            assertThatThrownBy(() -> pair.source.setCapability(Capability.MULTIFD, true))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("multifd");
            assertThatThrownBy(() -> pair.source.continueFrom(MigrationStatus.PRE_SWITCHOVER))
                    .isInstanceOf(MigrationException.Refused.class);
            String taken = pair.listen("tcp:127.0.0.1:0");
            assertThatThrownBy(() -> pair.destination.migrateIncoming(taken))
                    .isInstanceOf(MigrationException.Refused.class);
            assertThat(pair.destination.awaitEnd(Duration.ZERO)).isFalse();
        }
    }

    private static void assertMoved(Pair pair) {
        assertThat(pair.source.statistics().error()).isEmpty();
        assertThat(pair.destination.statistics().error()).isEmpty();
        assertThat(pair.source.statistics().owner()).contains(GuestOwner.PEER);
        assertThat(pair.destination.digestsAtSwitchover().blockDigests())
                .isEqualTo(pair.source.digestsAtSwitchover().blockDigests())
                .allMatch(d -> d.missingPages() == 0);
        pair.assertRunsAtDestinationOnly();
        assertThat(Set.of(MigrationStatus.COMPLETED))
                .contains(
                        pair.source.statistics().status(),
                        pair.destination.statistics().status());
    }

    private record Recorder(List<String> seen) implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            boolean _ = seen.add(status.publicName());
        }

        @Override
        public void passStarted(int pass) {
            boolean _ = seen.add("pass " + pass);
        }
    }

    record OnStatus(MigrationStatus awaited, Runnable action) implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            if (status == awaited) {
                action.run();
            }
        }

        @Override
        public void passStarted(int pass) {}
    }
}
