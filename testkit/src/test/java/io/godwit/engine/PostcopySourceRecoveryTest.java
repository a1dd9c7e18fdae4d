// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.stream.Command;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.testkit.peer.ScriptedDestination;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The source's side of postcopy when the destination refuses, breaks off, lies or comes back. */
@Timeout(120)
class PostcopySourceRecoveryTest extends PostcopySourceLab {
    @Test
    void aRefusalOfThePackageBringsTheGuestBack() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, new AtPackage(d -> {
                    d.say(new ReturnPathMessage.Shut(1));
                }))) {
            destination.answersPackagePing = false;
            pair.source.migrate(destination.uri());
            pair.source.startPostcopy();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error().orElseThrow()).contains("status 1", GuestOwner.HERE.sentence());
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aCutBeforeThePackageBringsTheGuestBack() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {
                    @Override
                    public void command(ScriptedDestination d, Command command) {
                        if (command instanceof Command.PostcopyRamDiscard) {
                            d.cut();
                        }
                    }
                })) {
            pair.source.migrate(destination.uri());
            pair.source.startPostcopy();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.HERE);
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void aCutBehindThePackageBeforeAnySignOfLifeIsPausedBecauseNobodyKnows() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new AtPackage(ScriptedDestination::cut))) {
            destination.answersPackagePing = false;
            switchTo(pair, destination);
            awaitPaused(pair);
            assertThat(pair.source.statistics().error().orElseThrow()).contains("not known", "memory whole");
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.FINISH_MIGRATE);
            pair.source.close();
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.UNDECIDED);
            assertThat(pair.sourceRun.isUndecided()).isTrue();
            pair.sourceRun.cont();
            pair.assertRunsAtSourceOnly();
        }
    }

    /** As a QEMU would whose sign of life was lost: it runs the guest, whatever it says of the memory that it lacks. */
    @Test
    void aRefusalOfWhoCameBackToGoOnDoesNotBringTheGuestBack() throws Exception {
        ScriptedDestination.Script script = new ScriptedDestination.Script() {
            @Override
            public void command(ScriptedDestination d, Command command) throws IOException {
                if (command instanceof Command.Packaged) {
                    d.cut();
                } else if (command instanceof Command.ReceivedBitmap(String block)) {
                    d.sayWhatItHas(block);
                } else if (command instanceof Command.PostcopyResume) {
                    d.say(new ReturnPathMessage.ResumeAck(1));
                } else if (d.order.contains("PostcopyResume")) {
                    d.say(new ReturnPathMessage.Shut(1));
                }
            }
        };
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, script)) {
            destination.answersPackagePing = false;
            switchTo(pair, destination);
            awaitPaused(pair);
            destination.expectRecovery();
            pair.source.resume(destination.uri());
            awaitThat(() -> destination.order.contains("PostcopyResume"), "the source goes on");
            awaitPaused(pair);
            assertThat(pair.source.statistics().error().orElseThrow()).contains("status 1", "not known");
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.FINISH_MIGRATE);
        }
    }

    @Test
    void aHostThatEndsWhilePostcopyIsPausedSaysThatTheGuestIsTheOtherSides() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new Stalling(-1, new CountDownLatch(1)))) {
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= 16, "the window is full");
            // Its PONG to the package lies before this request, so it has been read when the request has.
            destination.request(PAGES - 1);
            awaitThat(
                    () -> pair.source.statistics().postcopy().orElseThrow().requests() > 0,
                    "the destination is known to have the guest");
            pair.source.pausePostcopy();
            awaitPaused(pair);
            pair.source.close();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.PEER);
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.POSTMIGRATE);
        }
    }

    @Test
    void aResumeThatComesInTheVeryMomentOfThePauseIsCarriedOut() throws Exception {
        CutOnce script = new CutOnce(300);
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, script)) {
            pair.source.addListener(new ResumesAtOnce(pair.source, destination));
            switchTo(pair, destination);
            assertCompletes(pair, destination);
            assertThat(pair.source.statistics().postcopy().orElseThrow().recoveries())
                    .isEqualTo(1);
        }
    }

    /** Called while the state changes: nobody can be quicker. */
    private record ResumesAtOnce(Migrator source, ScriptedDestination destination) implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            if (status == MigrationStatus.POSTCOPY_PAUSED) {
                try {
                    destination.expectRecovery();
                    source.resume(destination.uri());
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        }

        @Override
        public void passStarted(int pass) {
            // Passes do not matter here.
        }
    }

    @Test
    void afterACutTheDestinationsBitmapDecidesWhatIsSentAgain() throws Exception {
        CutOnce script = new CutOnce(300);
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, script)) {
            switchTo(pair, destination);
            awaitPaused(pair);
            destination.expectRecovery();
            pair.source.resume(destination.uri());
            assertCompletes(pair, destination);
            assertThat(destination.order)
                    .containsSubsequence(
                            "PACKAGED", "PART", "ReceivedBitmap", "PostcopyResume", "PART", "END ram", "EOF");
            assertThat(pair.source.statistics().postcopy().orElseThrow().recoveries())
                    .isEqualTo(1);
        }
    }

    @Test
    void aLastWordThatWasLostIsSaidAgainOverANewConnection() throws Exception {
        CutOnce script = new CutOnce(Integer.MAX_VALUE);
        script.cutsAtEnd = true;
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, script)) {
            switchTo(pair, destination);
            awaitPaused(pair);
            assertThat(pair.source.statistics().ram().remainingBytes()).isZero();
            destination.expectRecovery();
            pair.source.resume(destination.uri());
            assertCompletes(pair, destination);
        }
    }

    @Test
    void aSecondChannelThatIsLostPausesAndIsMadeAnew() throws Exception {
        CutOnce script = new CutOnce(Integer.MAX_VALUE);
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, script)) {
            pair.source.setCapability(Capability.POSTCOPY_PREEMPT, true);
            script.stalls = true;
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= 16, "the window is full");
            destination.cutSecond();
            // The first pages may still find a socket that takes them: it is gone once its reader has noticed.
            for (long page = PAGES - 1;
                    page > PAGES / 2 && pair.source.statistics().status() != MigrationStatus.POSTCOPY_PAUSED;
                    page--) {
                try {
                    destination.request(page);
                } catch (IOException e) {
                    // Paused already.
                }
                LockSupport.parkNanos(200_000);
            }
            awaitPaused(pair);
            assertThat(pair.source.statistics().error().orElseThrow()).contains("writing to");
            script.stalls = false;
            destination.cut();
            destination.answersPings = true;
            destination.expectRecovery();
            pair.source.resume(destination.uri());
            assertCompletes(pair, destination);
            assertThat(destination.order)
                    .containsSubsequence(
                            "second channel", "PACKAGED", "ReceivedBitmap", "second channel", "PostcopyResume");
        }
    }

    @Test
    void aBitmapThatClaimsWhatWasNeverSentIsRefusedAndTheNextOneIsTaken() throws Exception {
        CutOnce script = new CutOnce(300);
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, script)) {
            switchTo(pair, destination);
            awaitPaused(pair);
            for (byte[] wrong : List.of(
                    script.bitmap("ram", PAGES / 8, -1, 0x0123456789abcdefL),
                    script.bitmap("ram", PAGES / 8 - 8, 0, 0x0123456789abcdefL),
                    script.bitmap("ram", PAGES / 8, 0, 0x0123456789abcdeeL),
                    script.bitmap("rom", PAGES / 8, 0, 0x0123456789abcdefL))) {
                script.wrongBitmap = Optional.of(wrong);
                destination.expectRecovery();
                long before = pair.source.statistics().ram().remainingBytes();
                pair.source.resume(destination.uri());
                awaitPaused(pair);
                assertThat(pair.source.statistics().ram().remainingBytes()).isEqualTo(before);
                destination.cut();
            }
            script.wrongBitmap = Optional.empty();
            destination.expectRecovery();
            pair.source.resume(destination.uri());
            assertCompletes(pair, destination);
        }
    }

    @Test
    void aDestinationThatSaysNothingMoreIsGivenUpAfterTheDeadlines() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {
                    @Override
                    public void end(ScriptedDestination d) {}
                })) {
            switchTo(pair, destination);
            awaitPaused(pair);
            assertThat(pair.source.statistics().error().orElseThrow()).contains("gave no answer within 2000 ms");
        }
    }

    @Test
    void aDestinationThatIsContentTooEarlyIsNotBelieved() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new Stalling(-1, new CountDownLatch(1)))) {
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= 16, "the window is full");
            destination.say(new ReturnPathMessage.Shut(0));
            awaitPaused(pair);
        }
    }
}
