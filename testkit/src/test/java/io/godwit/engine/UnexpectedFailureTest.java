// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.linux.memory.NativeMemory;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Errors that nobody foresaw: the migration ends all the same, and the guest has an owner. */
@Timeout(120)
class UnexpectedFailureTest {
    @TempDir
    Path directory;

    @Test
    void anErrorInTheMiddleOfTheSwitchoverGivesTheGuestBack() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.sourceGuest.beforeSave = () -> {
                throw new OutOfMemoryError("not really");
            };
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("OutOfMemoryError", GuestOwner.HERE.sentence());
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void anErrorAtTheDestinationGivesTheGuestBack() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.destinationGuest.beforeLoad = () -> {
                throw new StackOverflowError("not really");
            };
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.HERE);
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aGuestThatCrashesAsItIsStoppedIsNotHandedOver() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.sourceGuest.crashesWhenStopped = true;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().error().orElseThrow()).contains("crashed", GuestOwner.HERE.sentence());
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.INTERNAL_ERROR);
            assertThat(pair.destinationRun.state()).isEqualTo(RunState.INMIGRATE);
        }
    }

    @Test
    void aGuestThatComesBackAndDoesNotStartIsPausedUntilCont() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.destinationGuest.refusesState = true;
            pair.sourceGuest.refusesToStart = true;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.HERE);
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.PAUSED);
            pair.sourceGuest.refusesToStart = false;
            pair.sourceRun.cont();
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aTrackerThatDoesNotStopDecidesNothing() throws Exception {
        try (Pair pair = new Pair(directory);
                Pair refusing = new Pair(directory)) {
            pair.sourceGuest.trackerRefusesToStop = true;
            refusing.destinationGuest.refusesState = true;
            pair.source.migrate(refusing.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.HERE);
            pair.assertRunsAtSourceOnly();
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void listenersThatThrowChangeNothing() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.addListener(new Thrower());
            pair.sourceRun.addListener(new Thrower());
            pair.destination.addListener(new Thrower());
            pair.destinationRun.addListener(new Thrower());
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void anArbiterThatFailsLeavesTheGuestStoppedUntilContFindsItWorking() throws Exception {
        try (Pair pair = new Pair(directory)) {
            Path lock = directory.resolve(pair.sourceGuest.identity() + ".lock");
            Path aside = directory.resolve("aside");
            pair.destinationGuest.beforeLoad = () -> {
                // The lock's file is out of reach from now on.
                assertThat(lock.toFile().renameTo(aside.toFile())).isTrue();
                assertThat(lock.toFile().mkdir()).isTrue();
            };
            pair.destinationGuest.refusesState = true;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.UNDECIDED);
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.PAUSED);
            assertThat(pair.census.running.get()).isZero();
            Files.delete(lock);
            Files.move(aside, lock);
            pair.sourceRun.cont();
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aListOfRamBlocksThatCannotBeToldDoesNotChangeOnTheWay() throws Exception {
        try (Pair pair = new Pair(directory);
                NativeMemory memory = NativeMemory.mapAnonymous(RamBlock.PAGE_BYTES)) {
            CountDownLatch active = new CountDownLatch(1);
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 1 << 20));
            pair.source.addListener(new On(MigrationStatus.ACTIVE, active::countDown));
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            active.await();
            RamBlock block = new RamBlock("hotplugged", memory);
            assertThatThrownBy(() -> pair.sourceGuest.ram().add(block, RamBlocks.Gate.OPEN))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("has a destination that cannot follow");
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 0));
            pair.awaitEnds();
            assertThat(pair.source.statistics().error()).isEmpty();
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void deviceStateOfManyMegabytesTravels() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.sourceGuest.extraStateBytes = 20 << 20;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().error()).isEmpty();
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void nothingStartsAtAMigratorThatIsClosed() {
        try (Pair pair = new Pair(directory)) {
            pair.source.close();
            assertThatThrownBy(() -> pair.source.migrate("tcp:127.0.0.1:1"))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining("ending");
        }
    }

    @Test
    void addressesThatCannotBeUsedLeaveNoDescriptorBehind() throws Exception {
        try (Pair pair = new Pair(directory)) {
            String tooLong = "unix:" + directory.resolve("x".repeat(200));
            int before = openDescriptors();
            for (int i = 0; i < 40; i++) {
                assertThatThrownBy(() -> pair.destination.migrateIncoming("unix:/nowhere/at/all"))
                        .isInstanceOf(MigrationException.Refused.class);
                assertThatThrownBy(() -> pair.destination.migrateIncoming(tooLong))
                        .isInstanceOf(MigrationException.Refused.class);
                assertThatThrownBy(() -> pair.destination.migrateIncoming("exec:a\0b"))
                        .isInstanceOf(MigrationException.class);
                assertThatThrownBy(() -> pair.source.migrate(tooLong))
                        .isInstanceOf(MigrationException.Refused.class)
                        .hasMessageContaining("107");
                for (String uri : new String[] {"unix:/nowhere/at/all", "exec:a\0b"}) {
                    pair.source.migrate(uri);
                    assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
                    assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
                }
            }
            assertThat(openDescriptors()).isLessThan(before + 20);
            pair.assertRunsAtSourceOnly();
        }
    }

    static int openDescriptors() {
        return Objects.requireNonNull(new File("/proc/self/fd").list()).length;
    }

    private record On(MigrationStatus awaited, Runnable action) implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            if (status == awaited) {
                action.run();
            }
        }

        @Override
        public void passStarted(int pass) {}
    }

    private static final class Thrower implements MigrationListener, RunControl.Listener {
        private final AtomicInteger calls = new AtomicInteger();

        @Override
        public void statusChanged(MigrationStatus status) {
            fail();
        }

        @Override
        public void passStarted(int pass) {
            fail();
        }

        @Override
        public void stopped() {
            fail();
        }

        @Override
        public void resumed() {
            fail();
        }

        private void fail() {
            throw new IllegalStateException("listener's error number " + calls.incrementAndGet());
        }
    }
}
