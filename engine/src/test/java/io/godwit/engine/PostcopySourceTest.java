// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.RunState;
import io.godwit.stream.Command;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The source's side of postcopy against destinations that follow a script. */
@Timeout(120)
class PostcopySourceTest {
    private static final List<RamBlockEntry> BLOCKS = List.of(RamBlockEntry.of("ram", CountingGuest.RAM_BYTES));

    private static final int PAGES = CountingGuest.RAM_BYTES / 4096;

    @TempDir
    Path directory;

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
            awaitThat(() -> destination.pushedPages.size() >= 60, "the window is full");
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
            awaitThat(() -> destination.pushedPages.size() >= 60, "the window is full");
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
            awaitThat(() -> destination.pushedPages.size() >= 60, "the window is full");
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

    @Test
    void aHostThatEndsWhilePostcopyIsPausedSaysThatTheGuestIsTheOtherSides() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new Stalling(-1, new CountDownLatch(1)))) {
            switchTo(pair, destination);
            awaitThat(() -> destination.pushedPages.size() >= 60, "the window is full");
            pair.source.pausePostcopy();
            awaitPaused(pair);
            pair.source.close();
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.PEER);
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.POSTMIGRATE);
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
            assertThat(pair.source.statistics().remainingBytes()).isZero();
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
            awaitThat(() -> destination.pushedPages.size() >= 60, "the window is full");
            destination.cutSecond();
            // The first page may still find a socket that takes it.
            for (long page = PAGES - 1; page > PAGES - 20; page--) {
                try {
                    destination.request(page);
                } catch (IOException e) {
                    // Paused already.
                }
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
                long before = pair.source.statistics().remainingBytes();
                pair.source.resume(destination.uri());
                awaitPaused(pair);
                assertThat(pair.source.statistics().remainingBytes()).isEqualTo(before);
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
            awaitThat(() -> destination.pushedPages.size() >= 60, "the window is full");
            destination.say(new ReturnPathMessage.Shut(0));
            awaitPaused(pair);
        }
    }

    @Test
    void pagesThatPrecopyLeftOutAreSentInPostcopy() throws Exception {
        try (Pair pair = postcopyPair();
                ScriptedDestination destination =
                        new ScriptedDestination(BLOCKS, new ScriptedDestination.Script() {})) {
            pair.source.setParameters(
                    pair.source.parameters().withDowntimeLimit(0).withPostcopyAfterPasses(1));
            pair.sourceGuest
                    .ram()
                    .snapshot()
                    .blocks()
                    .getFirst()
                    .withheldPages()
                    .set(777);
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
                    .withMaxBandwidth(1 << 20)
                    .withDowntimeLimit(0)
                    .withPostcopyStartTime(200));
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
            awaitThat(() -> destination.pushedPages.size() >= Math.max(60, perHostPage), "the window is full");
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
    @CsvSource({"exec:cat, postcopy-ram", "file:/dev/null, postcopy-ram", "fd:99, postcopy-preempt"})
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
            awaitThat(() -> destination.pushedPages.size() >= 60, "the window is full");
            pair.source.pausePostcopy();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.POSTCOPY_ACTIVE);
            destination.answerPackagePing();
            awaitPaused(pair);
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("migrate-pause was asked for", "the guest lives there");
        }
    }

    @Test
    void postcopyIsRefusedWithoutTheCapability() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.setParameters(pair.source.parameters().withMaxBandwidth(1 << 20));
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThatThrownBy(pair.source::startPostcopy).hasMessageContaining("Enable postcopy");
            assertThatThrownBy(pair.source::pausePostcopy).hasMessageContaining("postcopy-active");
            assertThatThrownBy(() -> pair.source.resume("tcp:127.0.0.1:1")).hasMessageContaining("postcopy-paused");
        }
    }

    private static void switchTo(Pair pair, ScriptedDestination destination) throws InterruptedException {
        pair.source.migrate(destination.uri());
        pair.source.startPostcopy();
        destination.awaitPackage();
    }

    private static void assertCompletes(Pair pair, ScriptedDestination destination) throws InterruptedException {
        boolean ended = pair.source.awaitEnd(Pair.PATIENCE);
        assertThat(destination.errors).isEmpty();
        assertThat(pair.source.statistics().error()).isEmpty();
        assertThat(ended).isTrue();
        assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(destination.twice.get()).as("pages that came twice").isZero();
        assertHoldsTheSourcesMemory(pair, destination);
    }

    private static void awaitPaused(Pair pair) {
        awaitThat(
                () -> pair.source.statistics().status() == MigrationStatus.POSTCOPY_PAUSED,
                "postcopy-paused is reached");
    }

    private static void awaitThat(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            LockSupport.parkNanos(200_000);
        }
    }

    /** Leaves PINGs behind the package without an answer, so that the push stands still. */
    private record Stalling(long awaitedPage, CountDownLatch arrived) implements ScriptedDestination.Script {
        @Override
        public void command(ScriptedDestination destination, Command command) {
            if (command instanceof Command.Packaged) {
                destination.answersPings = false;
            }
        }

        @Override
        public void page(ScriptedDestination destination, boolean onSecondChannel, long page) {
            if (page == awaitedPage && destination.inPostcopy) {
                arrived.countDown();
            }
        }
    }

    @FunctionalInterface
    private interface Action {
        void on(ScriptedDestination destination) throws IOException;
    }

    private record AtPackage(Action action) implements ScriptedDestination.Script {
        @Override
        public void command(ScriptedDestination destination, Command command) throws IOException {
            if (command instanceof Command.Packaged) {
                destination.answersPings = false;
                action.on(destination);
            }
        }
    }

    /** Cuts everything when so many pages have come, and takes part in the recovery. */
    private static final class CutOnce implements ScriptedDestination.Script {
        private final int afterPages;
        private boolean cut;
        volatile boolean cutsAtEnd;
        volatile boolean stalls;
        volatile Optional<byte[]> wrongBitmap = Optional.empty();

        CutOnce(int afterPages) {
            this.afterPages = afterPages;
        }

        @Override
        public void page(ScriptedDestination destination, boolean onSecondChannel, long page) {
            if (!cut && destination.inPostcopy && destination.pushedPages.size() >= afterPages) {
                cut = true;
                destination.cut();
            }
        }

        @Override
        public void end(ScriptedDestination destination) throws IOException {
            if (cutsAtEnd) {
                cutsAtEnd = false;
                destination.cut();
            } else {
                destination.say(new ReturnPathMessage.Shut(0));
            }
        }

        @Override
        public void command(ScriptedDestination destination, Command command) throws IOException {
            if (command instanceof Command.Packaged && stalls) {
                destination.answersPings = false;
            }
            if (command instanceof Command.ReceivedBitmap(String block)) {
                if (wrongBitmap.isPresent()) {
                    destination.say(wrongBitmap.get());
                } else {
                    destination.sayWhatItHas(block);
                }
            }
            if (command instanceof Command.PostcopyResume) {
                destination.say(new ReturnPathMessage.ResumeAck(1));
            }
        }

        byte[] bitmap(String block, int byteLength, int content, long end) {
            ByteBuffer bytes = ByteBuffer.allocate(4 + 1 + block.length() + 8 + byteLength + 8);
            bytes.putShort((short) 5).putShort((short) (1 + block.length())).put((byte) block.length());
            bytes.put(block.getBytes(StandardCharsets.US_ASCII)).putLong(byteLength);
            for (int i = 0; i < byteLength; i++) {
                bytes.put((byte) content);
            }
            return bytes.putLong(end).array();
        }
    }

    static void assertHoldsTheSourcesMemory(Pair pair, ScriptedDestination destination) {
        assertThat(destination.received.cardinality()).isEqualTo(PAGES);
        byte[] expected = new byte[4096];
        for (long page = 0; page < PAGES; page++) {
            pair.sourceGuest.memory().copyTo(page * 4096, expected, 0, 4096);
            assertThat(destination.contents.get(page)).as("page " + page).isEqualTo(expected);
        }
    }

    private Pair postcopyPair() {
        Pair pair = new Pair(directory);
        pair.source.setCapability(Capability.POSTCOPY_RAM, true);
        return pair;
    }

    private record StatusRecorder(List<String> seen) implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            seen.add(status.publicName());
        }

        @Override
        public void passStarted(int pass) {
            seen.add("pass " + pass);
        }
    }
}
