// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.FreePageStatistics;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.guest.FreePages;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest that tells of its free pages, the truth or not, moves from one Godwit to another. */
@Timeout(120)
class FreePageMigrationTest {
    private static final int PAGES = CountingGuest.RAM_BYTES / RamBlock.PAGE_BYTES;
    private static final int USED = PAGES / 4;
    private static final int FREE = PAGES / 4;

    @TempDir
    Path directory;

    private Pair pair(FreePages reporter) {
        Pair pair = new Pair(directory);
        pair.sourceGuest.usedPages = USED;
        pair.destinationGuest.usedPages = USED;
        pair.sourceGuest.freePages = Optional.of(reporter);
        return pair;
    }

    /** Tells of the guest's whole free part. */
    private static FreePages honest(Pair[] pair) {
        return new FreePages((epoch, sink) -> {
            sink.free(epoch, pair[0].sourceGuest.block(), USED, FREE);
            sink.done(epoch);
        });
    }

    private static FreePageStatistics figures(Pair pair) {
        return pair.source.statistics().ram().freePages().orElseThrow();
    }

    private static boolean isSame(Pair pair, long page) {
        long at = page * RamBlock.PAGE_BYTES;
        return NativeMemory.mismatch(
                        pair.sourceGuest.memory(), at, pair.destinationGuest.memory(), at, RamBlock.PAGE_BYTES)
                == -1;
    }

    private static void assertMovedWithHoles(Pair pair, long leftOut) {
        assertThat(pair.source.statistics().error()).isEmpty();
        assertThat(pair.destination.statistics().error()).isEmpty();
        assertThat(figures(pair).leftOut()).isEqualTo(leftOut);
        assertThat(pair.destination.digestsAtSwitchover().blockDigests())
                .isEqualTo(pair.source.digestsAtSwitchover().blockDigests())
                .extracting(PageDigests.BlockDigest::missingPages)
                .containsExactly(leftOut);
        pair.assertRunsAtDestinationOnly();
    }

    @Test
    void freePagesAreNotSent() throws Exception {
        Pair[] holder = new Pair[1];
        FreePages reporter = honest(holder);
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertMovedWithHoles(pair, FREE);
            assertThat(figures(pair)).isEqualTo(new FreePageStatistics(FREE, 0, 0, FREE));
            for (int page = USED; page < USED + FREE; page++) {
                assertThat(pair.destinationGuest
                                .memory()
                                .isZero((long) page * RamBlock.PAGE_BYTES, RamBlock.PAGE_BYTES))
                        .as("page %d is empty there", page)
                        .isTrue();
            }
            assertThat(reporter.stops.get()).isEqualTo(1);
        }
    }

    @Test
    void freePagesAreNotSentThroughAFileWhereNobodyAnswers() throws Exception {
        Pair[] holder = new Pair[1];
        try (Pair pair = pair(honest(holder))) {
            holder[0] = pair;
            String uri = "file:" + directory.resolve("stream");
            pair.source.migrate(uri);
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            pair.destination.migrateIncoming(uri);
            pair.awaitEnds();
            assertMovedWithHoles(pair, FREE);
        }
    }

    @Test
    void whatIsWrittenBehindItsHintArrives() throws Exception {
        Pair[] holder = new Pair[1];
        FreePages reporter = new FreePages((epoch, sink) -> {
            CountingGuest guest = holder[0].sourceGuest;
            // The guest makes its hint, takes one page back, and only then the hint is heard.
            guest.write(USED + 3, 0x1234);
            sink.free(epoch, guest.block(), USED, FREE);
            guest.write(USED + 9, 0x5678);
        });
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertMovedWithHoles(pair, FREE - 2);
            assertThat(isSame(pair, USED + 3)).isTrue();
            assertThat(isSame(pair, USED + 9)).isTrue();
            assertThat(isSame(pair, USED + 4)).isFalse();
        }
    }

    @Test
    void whatTheHostWroteArrives() throws Exception {
        Pair[] holder = new Pair[1];
        FreePages reporter = new FreePages((epoch, sink) -> {
            CountingGuest guest = holder[0].sourceGuest;
            guest.memory().putLong((USED + 3L) * RamBlock.PAGE_BYTES, 0x1234);
            guest.block().markHostWrite(USED + 3);
            sink.free(epoch, guest.block(), USED, FREE);
        });
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertMovedWithHoles(pair, FREE - 1);
            assertThat(isSame(pair, USED + 3)).isTrue();
        }
    }

    @Test
    void switchedOffNobodyIsAsked() throws Exception {
        Pair[] holder = new Pair[1];
        FreePages reporter = honest(holder);
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.FREE_PAGE_HINTS, 0));
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().ram().freePages()).isEmpty();
            assertThat(reporter.epoch).isZero();
            assertThat(isSame(pair, USED + 4)).isTrue();
            pair.assertRunsAtDestinationOnly();
        }
    }

    @Test
    void afterAFailureTheGuestHasItsPagesBack() throws Exception {
        Pair[] holder = new Pair[1];
        FreePages reporter = honest(holder);
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            pair.destinationGuest.refusesState = true;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            assertGivenBack(pair, reporter);
        }
    }

    @Test
    void afterACancelTheGuestHasItsPagesBack() throws Exception {
        Pair[] holder = new Pair[1];
        FreePages reporter = honest(holder);
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            CountDownLatch waiting = new CountDownLatch(1);
            pair.source.setCapability(Capability.PAUSE_BEFORE_SWITCHOVER, true);
            pair.source.addListener(new MigrationListener() {
                @Override
                public void statusChanged(MigrationStatus status) {
                    if (status == MigrationStatus.PRE_SWITCHOVER) {
                        waiting.countDown();
                    }
                }

                @Override
                public void passStarted(int pass) {}
            });
            pair.source.migrate(pair.listen("tcp:127.0.0.1:0"));
            waiting.await();
            assertThat(pair.sourceGuest.block().withheldPages().count()).isEqualTo(FREE);
            pair.source.cancel();
            pair.awaitEnds();
            assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.CANCELLED);
            assertGivenBack(pair, reporter);
        }
    }

    private static void assertGivenBack(Pair pair, FreePages reporter) {
        pair.assertRunsAtSourceOnly();
        assertThat(reporter.stops.get()).isEqualTo(1);
        assertThat(pair.sourceGuest.block().withheldPages().count()).isZero();
        assertThat(figures(pair).leftOut()).isZero();
    }

    @Test
    void aReporterThatNeverAnswersCostsNothing() throws Exception {
        FreePages reporter = new FreePages((_, _) -> {});
        try (Pair pair = pair(reporter)) {
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertMovedWithHoles(pair, 0);
            assertThat(figures(pair)).isEqualTo(new FreePageStatistics(0, 0, 0, 0));
        }
    }

    @Test
    void aReporterThatAnswersWhenItIsToldToStopIsTooLate() throws Exception {
        FreePages reporter = new FreePages((_, _) -> {});
        try (Pair pair = pair(reporter)) {
            reporter.whenStopped = (sink, epoch) -> sink.free(epoch, pair.sourceGuest.block(), 0, PAGES);
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            reporter.sink.orElseThrow().free(reporter.epoch, pair.sourceGuest.block(), 0, PAGES);
            assertMovedWithHoles(pair, 0);
            assertThat(figures(pair)).isEqualTo(new FreePageStatistics(0, 2, 0, 0));
        }
    }

    @Test
    void aReporterThatThrowsInTheMiddleIsDoneWithout() throws Exception {
        Pair[] holder = new Pair[1];
        FreePages reporter = new FreePages((epoch, sink) -> {
            sink.free(epoch, holder[0].sourceGuest.block(), USED, 10);
            throw new IllegalStateException("the ring is gone");
        });
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            reporter.whenStopped = (_, _) -> {
                throw new IllegalStateException("still gone");
            };
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertMovedWithHoles(pair, 10);
        }
    }

    @Test
    void aReporterThatFloodsStopsNothing() throws Exception {
        Pair[] holder = new Pair[1];
        Semaphore told = new Semaphore(0);
        FreePages reporter = new FreePages((epoch, sink) -> {
            Thread _ = Thread.ofPlatform().daemon().start(() -> {
                RamBlock block = holder[0].sourceGuest.block();
                sink.free(epoch, block, USED, FREE);
                told.release();
                while (holder[0]
                                .source
                                .statistics()
                                .ram()
                                .freePages()
                                .orElseThrow()
                                .dropped()
                        < 100) {
                    sink.free(epoch, block, USED, FREE);
                    sink.free(epoch, block, -1, Long.MAX_VALUE);
                }
                told.release();
            });
            told.acquireUninterruptibly();
        });
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            told.acquireUninterruptibly();
            assertMovedWithHoles(pair, FREE);
            assertThat(figures(pair).refused()).isPositive();
        }
    }

    @Test
    void aGuestThatLiesLosesItsOwnMemoryAndMovesAllTheSame() throws Exception {
        Pair[] holder = new Pair[1];
        FreePages reporter = new FreePages((epoch, sink) -> sink.free(epoch, holder[0].sourceGuest.block(), 0, PAGES));
        try (Pair pair = pair(reporter)) {
            holder[0] = pair;
            pair.migrate(pair.listen("tcp:127.0.0.1:0"));
            assertThat(pair.source.statistics().error()).isEmpty();
            assertThat(pair.destination.statistics().error()).isEmpty();
            Pair.assertCountsOn(pair.destinationGuest);
            assertThat(pair.census.most.get()).isEqualTo(1);
        }
    }
}
