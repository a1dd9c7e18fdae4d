// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.guest.FreePages;
import io.godwit.testkit.peer.ScriptedDestination;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The source's side of postcopy against destinations that follow a script. */
@Timeout(120)
class PostcopySourceTest extends PostcopySourceLab {
    @Test
    void theSwitchComesInQemusOrderAndEachPageIsSentOnce() throws Exception {
        List<String> seen = Collections.synchronizedList(new ArrayList<>());
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {})) {
            pair.source.addListener(new StatusRecorder(seen));
            pair.source.migrate(destination.uri());
            pair.source.startPostcopy();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(destination.errors).isEmpty();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
            assertThat(seen)
                    .containsExactly(
                            "setup", "pass 1", "active", "pass 2", "device", "pass 3", "postcopy-active", "completed");
            assertThat(destination.order)
                    .startsWith("OpenReturnPath", "PING", "PostcopyAdvise", "START ram")
                    .containsSubsequence(
                            "DISCARD",
                            "PING",
                            "SwitchoverStart",
                            "PING",
                            "PACKAGED",
                            "window PING",
                            "PART",
                            "END ram",
                            "EOF");
            assertThat(destination.mostRangesOfACommand).isBetween(1, 12);
            assertThat(destination.twice.get()).isZero();
            assertHoldsTheSourcesMemory(pair, destination);
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.POSTMIGRATE);
        }
    }

    @Test
    void aPageThatIsAskedForComesBeforeTheRestAndThePushGoesOnBehindIt() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, new Stalling(1500, asked))) {
            switchTo(pair, destination);
            // LIMIT: without a PONG no more than the window is on its way.
            awaitThat(() -> destination.pushedPages.size() >= 16, "the window is full");
            destination.request(1500);
            asked.await();
            List<Long> soFar = List.copyOf(destination.pushedPages);
            assertThat(soFar).hasSizeLessThan(100).doesNotContain(1501L).endsWith(1500L);
            destination.answerAll();
            assertCompletes(pair, destination);
            assertThat(destination.pushedPages.get(soFar.size())).isEqualTo(1501L);
            PostcopyStatistics postcopy = pair.source.statistics().postcopy().orElseThrow();
            assertThat(postcopy.requests()).isEqualTo(1);
            assertThat(postcopy.requestedPages()).isEqualTo(1);
            assertThat(postcopy.pushedPages()).isEqualTo(PAGES - 1);
            assertThat(postcopy.latency().source().count()).isEqualTo(1);
        }
    }

    @Test
    void withPreemptAPageThatIsAskedForComesOnTheSecondChannel() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        try (Pair pair = postcopyPair();
                ScriptedDestination destination = new ScriptedDestination(BLOCKS, new Stalling(1500, asked))) {
            pair.source.setCapability(Capability.POSTCOPY_PREEMPT, true);
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= 16, "the window is full");
            destination.request(1500);
            asked.await();
            assertThat(destination.requestedPages).containsExactly(1500L);
            int soFar = destination.pushedPages.size();
            destination.answerAll();
            assertCompletes(pair, destination);
            assertThat(destination.pushedPages.get(soFar)).isEqualTo(1501L);
            assertThat(destination.pushedPages).doesNotContain(1500L);
            assertThat(destination.order).containsSubsequence("DISCARD", "PING", "second channel", "SwitchoverStart");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                // WIRE: REQ_PAGES_ID and REQ_PAGES: beyond the block, not aligned, empty, unknown block, no block yet.
                "0003 0010 0000000000800000 00001000 03 72616d",
                "0003 0010 0000000000000800 00001000 03 72616d",
                "0003 0010 0000000000001000 00000000 03 72616d",
                "0003 0010 fffffffffffff000 00001000 03 72616d",
                "0003 0010 0000000000001000 00800000 03 72616d",
                "0003 0010 0000000000001000 00001000 03 726f6d",
                "0003 0010 0000000000000000 00800000 03 72616d",
                "0004 000c 0000000000000000 00001000",
                "0006 0004 00000001",
                "0002 0004 20000fff",
                "0005 0004 03 72616d 0000000000000008",
                "7777 0000"
            })
    void nonsenseFromTheDestinationPausesAndSaysWhat(String bytes) throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new Stalling(-1, new CountDownLatch(1)))) {
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= 16, "the window is full");
            destination.say(HexFormat.of().parseHex(bytes.replace(" ", "")));
            awaitPaused(pair);
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("is paused", "broke off", "the guest lives there", "migrate-recover");
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.FINISH_MIGRATE);
            assertThatThrownBy(pair.source::cancel).isInstanceOf(MigrationException.Refused.class);
        }
    }

    @Test
    void aDestinationThatAsksWithoutEndGetsEachPageOnce() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new Stalling(-1, new CountDownLatch(1)))) {
            switchTo(pair, destination);
            for (int i = 0; i < 60_000; i++) {
                destination.request((i * 7919L) % PAGES);
            }
            destination.answerAll();
            assertCompletes(pair, destination);
            assertThat(pair.source.statistics().postcopy().orElseThrow().requests())
                    .isEqualTo(60_000);
        }
    }

    @Test
    void pagesThatPrecopyLeftOutAreSentInPostcopy() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {})) {
            pair.source.setParameters(pair.source
                    .parameters()
                    .with(MigrationParameter.DOWNTIME_LIMIT, 0)
                    .with(MigrationParameter.POSTCOPY_AFTER_PASSES, 1));
            pair.sourceGuest.freePages =
                    Optional.of(new FreePages((epoch, sink) -> sink.free(epoch, pair.sourceGuest.block(), 777, 1)));
            pair.source.migrate(destination.uri());
            assertCompletes(pair, destination);
            assertThat(destination.pushedPages).contains(777L);
        }
    }

    @Test
    void postcopyBeginsByItselfAfterItsTimeAlsoWithinAPass() throws Exception {
        List<String> seen = Collections.synchronizedList(new ArrayList<>());
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {})) {
            pair.source.setParameters(pair.source
                    .parameters()
                    .with(MigrationParameter.MAX_BANDWIDTH, 1 << 20)
                    .with(MigrationParameter.DOWNTIME_LIMIT, 0)
                    .with(MigrationParameter.POSTCOPY_START_TIME, 200));
            pair.source.addListener(new StatusRecorder(seen));
            pair.source.migrate(destination.uri());
            assertCompletes(pair, destination);
            assertThat(seen).contains("pass 3", "postcopy-active").doesNotContain("pass 4");
            assertThat(destination.pushedPages).hasSizeLessThan(PAGES + 1);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {16 << 10, 256 << 10, 2 << 20})
    void hugePagesTravelWholeAndInOnePiece(int pageBytes) throws Exception {
        List<RamBlockEntry> blocks = List.of(RamBlockEntry.withPages("ram", CountingGuest.RAM_BYTES, pageBytes));
        long perHostPage = pageBytes / 4096;
        CountDownLatch asked = new CountDownLatch(1);
        try (Pair pair = new Pair(directory, directory, pageBytes);
                ScriptedDestination destination = new ScriptedDestination(blocks, new Stalling(PAGES - 1, asked))) {
            pair.source.setCapability(Capability.POSTCOPY_RAM, true);
            pair.source.setCapability(Capability.POSTCOPY_PREEMPT, true);
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= Math.max(16, perHostPage), "the window is full");
            long first = PAGES - perHostPage;
            destination.say(new ReturnPathMessage.RequestPagesOf("ram", first * 4096, pageBytes));
            asked.await();
            assertThat(destination.requestedPages)
                    .hasSize((int) perHostPage)
                    .startsWith(first)
                    .endsWith(PAGES - 1L);
            destination.answerAll();
            assertCompletes(pair, destination);
            for (int i = 0; i < destination.pushedPages.size(); i++) {
                assertThat(destination.pushedPages.get(i) % perHostPage).isEqualTo(i % perHostPage);
            }
        }
    }

    @Test
    void aRequestForAPartOfAHugePageIsRefused() throws Exception {
        List<RamBlockEntry> blocks = List.of(RamBlockEntry.withPages("ram", CountingGuest.RAM_BYTES, 2 << 20));
        try (Pair pair = new Pair(directory, directory, 2 << 20);
                ScriptedDestination destination =
                        new ScriptedDestination(blocks, new Stalling(-1, new CountDownLatch(1)))) {
            pair.source.setCapability(Capability.POSTCOPY_RAM, true);
            switchTo(pair, destination);
            destination.request(700);
            awaitPaused(pair);
            assertThat(pair.source.statistics().error().orElseThrow()).contains("Request for pages");
        }
    }

    @Test
    void withThePassesDoneInTimeNoPostcopyComes() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {})) {
            pair.source.migrate(destination.uri());
            assertCompletes(pair, destination);
            assertThat(pair.source.statistics().postcopy()).isEmpty();
            assertThat(destination.order).contains("PostcopyAdvise").doesNotContain("PACKAGED", "DISCARD");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "exec:cat, postcopy-ram",
        "file:/dev/null, postcopy-ram",
        "fd:99, postcopy-preempt",
        "fd:99, postcopy-safe"
    })
    void postcopyIsRefusedWhereItsConnectionsCannotBe(String uri, String capability) {
        try (Pair pair = postcopyPair()) {
            pair.source.setCapability(Capability.named(capability).orElseThrow(), true);
            assertThatThrownBy(() -> pair.source.migrate(uri))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessageContaining(uri);
        }
    }

    @Test
    void aPauseThatIsAskedForBeforeTheDestinationBeginsComesWhenItHasBegun() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new Stalling(-1, new CountDownLatch(1)))) {
            destination.answersPackagePing = false;
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= 16, "the window is full");
            pair.source.pausePostcopy();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.POSTCOPY_ACTIVE);
            destination.answerPackagePing();
            awaitPaused(pair);
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("migrate-pause was asked for", "the guest lives there");
        }
    }

    /** Only the destination knows of its pause where something between the two keeps the connection open. */
    @Test
    void aResumeOfWhatIsNotPausedHereNamesThePause() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new Stalling(-1, new CountDownLatch(1)))) {
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= 16, "the window is full");
            assertThatThrownBy(() -> pair.source.resume("tcp:127.0.0.1:1"))
                    .hasMessageContaining("this migration is in state 'postcopy-active'. Next: migrate-pause here");
            pair.source.pausePostcopy();
            awaitPaused(pair);
        }
    }

    @Test
    void postcopyIsRefusedWithoutTheCapability() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 1 << 20));
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThatThrownBy(pair.source::startPostcopy).hasMessageContaining("Enable postcopy");
            assertThatThrownBy(pair.source::pausePostcopy).hasMessageContaining("postcopy-active");
            assertThatThrownBy(() -> pair.source.resume("tcp:127.0.0.1:1")).hasMessageContaining("postcopy-paused");
        }
    }
}
