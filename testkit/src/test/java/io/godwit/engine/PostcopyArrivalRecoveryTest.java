// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.agreement.IdentityMark;
import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Command;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.peer.ScriptedSource;
import java.net.Socket;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest that arrives by postcopy whose source is lost on the way, and comes back. */
@Tag("kernel")
@Timeout(120)
class PostcopyArrivalRecoveryTest extends PostcopyArrivalLab {
    @Test
    void aPauseAndARecoveryBringTheRest() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            Thread toucher = new Thread(
                    () -> {
                        try (NativeMemory scratch = NativeMemory.allocate(4096)) {
                            guest.touch(PAGES - 1, scratch);
                        }
                    },
                    "toucher");
            toucher.start();
            assertThat(source.awaitRequest().offset()).isEqualTo((PAGES - 1) * 4096);
            source.cut();
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(destination.statistics().owner()).contains(GuestOwner.HERE);
            destination.recover("tcp:127.0.0.1:0");
            try (ScriptedSource again = ScriptedSource.of(address())) {
                again.command(new Command.Ping(IdentityMark.of(identity)));
                again.command(new Command.ReceivedBitmap(CountingGuest.BLOCK));
                again.command(new Command.PostcopyResume());
                again.awaitMessage(new ReturnPathMessage.ResumeAck(1));
                assertThat(again.awaitRequest().offset()).isEqualTo((PAGES - 1) * 4096);
                again.pages(content, range(PAGES / 2, PAGES));
                toucher.join();
                again.pages(content, range(0, 16));
                again.end();
                again.awaitMessage(new ReturnPathMessage.Shut(0));
            }
            assertThat(destination.awaitEnd(Duration.ofSeconds(20))).isTrue();
            assertWhole();
            assertThat(destination.statistics().postcopy().orElseThrow().recoveries())
                    .isEqualTo(1);
        }
    }

    @Test
    void nonsenseOnTheMainChannelPausesAndTheRestComesOverAnotherConnection() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.raw(new byte[] {0x55, 0x55});
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(destination.statistics().error().orElseThrow()).contains("Unknown section type");
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void nonsenseBehindPagesPausesAndTheFirstRecoveryGoesOn() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.pagesAndNonsense(content, 0, 1, 2);
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void theTokenOfAGuestThatRunsHereIsNotGivenUpToAnswerAQuestion() throws Exception {
        try (ScriptedSource source = source();
                FileLockArbiter other = new FileLockArbiter(directory)) {
            switchOver(source);
            source.command(Extension.TOKEN.ask());
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(destination.statistics().error().orElseThrow()).contains("the guest has arrived");
            assertThat(other.claim(identity, Duration.ZERO)).isInstanceOf(Arbiter.Claim.Lost.class);
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void aLostPreemptChannelPauses() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            try (Socket preempt = connect()) {
                ScriptedSource.preempt(preempt, source.blocks(), content, 2);
                while (!guest.block().isPresent(2)) {
                    Thread.onSpinWait();
                }
            }
            awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void anotherGuestsSourceIsTurnedAway() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
        }
        awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        destination.recover("tcp:127.0.0.1:0");
        try (ScriptedSource other = ScriptedSource.of(address())) {
            other.command(new Command.Ping(IdentityMark.of(UUID.randomUUID())));
            assertThat(other.untilEnd()).isEmpty();
        }
        while (!destination.statistics().error().orElse("").contains("not the one of guest " + identity)) {
            Thread.onSpinWait();
        }
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void aRecoveryThatIsCutIsPausedAgainAndGoesOnLater() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
        }
        awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        destination.recover("tcp:127.0.0.1:0");
        try (Socket stranger = connect()) {
            assertThat(stranger.isConnected()).isTrue();
        }
        try (ScriptedSource again = ScriptedSource.of(address())) {
            again.command(new Command.Ping(IdentityMark.of(identity)));
            assertThat(again.nextMessage()).isEqualTo(new ReturnPathMessage.Pong(IdentityMark.of(identity)));
            awaitStatus(MigrationStatus.POSTCOPY_RECOVER);
        }
        awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
        recoverAndFinish();
        assertWhole();
    }

    @Test
    void whoMissedTheLastWordHearsItAgain() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.pages(content, range(0, 16));
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
        }
        awaitStatus(MigrationStatus.COMPLETED);
        destination.recover("tcp:127.0.0.1:0");
        try (ScriptedSource again = ScriptedSource.of(address())) {
            resume(again);
            again.end();
            again.awaitMessage(new ReturnPathMessage.Shut(0));
        }
        assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertWhole();
    }

    @Test
    void whoAsksForTheLastWordAtOnceHearsIt() throws Exception {
        CountDownLatch told = new CountDownLatch(1);
        CountDownLatch asked = new CountDownLatch(1);
        destination.addListener(new MigrationListener() {
            @Override
            public void passStarted(int pass) {}

            @Override
            public void statusChanged(MigrationStatus status) {
                if (status == MigrationStatus.COMPLETED) {
                    destination.recover("tcp:127.0.0.1:0");
                    told.countDown();
                    try {
                        asked.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                }
            }
        });
        try (ScriptedSource source = source()) {
            switchOver(source);
            source.pages(content, range(0, 16));
            source.pages(content, range(PAGES / 2, PAGES));
            source.end();
        }
        told.await();
        try (ScriptedSource again = ScriptedSource.of(address())) {
            again.command(new Command.Ping(IdentityMark.of(identity)));
            again.command(new Command.ReceivedBitmap(CountingGuest.BLOCK));
            asked.countDown();
            again.command(new Command.PostcopyResume());
            again.awaitMessage(new ReturnPathMessage.ResumeAck(1));
            again.end();
            again.awaitMessage(new ReturnPathMessage.Shut(0));
        }
        assertWhole();
    }

    @Test
    void aRecoveryAtTheSameAddressIsRefusedAndTheFirstListenerStays() throws Exception {
        loseTheSource();
        destination.recover("tcp:127.0.0.1:0");
        String first = address();
        assertThatThrownBy(() -> destination.recover(first)).isInstanceOf(MigrationException.Refused.class);
        assertThat(address()).isEqualTo(first);
        finish();
    }

    @Test
    void aRecoveryAtAnAddressThatCannotBeUsedIsRefusedAndTheFirstListenerStays() throws Exception {
        loseTheSource();
        destination.recover("tcp:127.0.0.1:0");
        String first = address();
        assertThatThrownBy(() -> destination.recover("unix:" + directory.resolve("none/at.all")))
                .isInstanceOf(MigrationException.Refused.class);
        assertThat(address()).isEqualTo(first);
        finish();
    }

    @Test
    void aRecoveryAtAnotherAddressGivesUpTheFirst() throws Exception {
        loseTheSource();
        destination.recover("tcp:127.0.0.1:0");
        String first = address();
        destination.recover("tcp:127.0.0.1:0");
        assertThat(address()).isNotEqualTo(first);
        finish();
    }

    private void loseTheSource() throws Exception {
        try (ScriptedSource source = source()) {
            switchOver(source);
        }
        awaitStatus(MigrationStatus.POSTCOPY_PAUSED);
    }
}
