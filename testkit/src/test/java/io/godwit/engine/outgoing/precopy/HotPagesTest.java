// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.testkit.guest.StillGuest;
import io.godwit.testkit.peer.Passes;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * What the guest is seen to write within the first pass is sent in the second. By a clock that each write to the wire
 * moves.
 */
class HotPagesTest {
    private static final int PAGES = 8192;
    private static final int FIRST_HOT = 6000;
    private static final int HOT = 1000;
    private static final long BETWEEN_WRITES_NANOS = 20_000_000;

    private final StillGuest guest = new StillGuest((long) PAGES * RamBlock.PAGE_BYTES, 1);
    private final OutgoingProgress progress = new OutgoingProgress();
    private final WireMeter meter = new WireMeter();
    private final MigrationParameters parameters = MigrationParameters.DEFAULTS
            .with(MigrationParameter.MAX_BANDWIDTH, 0)
            .with(MigrationParameter.DOWNTIME_LIMIT, 0);
    private final List<Long> sentBeforePass = new ArrayList<>();
    private long now;

    @AfterEach
    void unmap() {
        guest.close();
    }

    /** Walks until nothing is left. */
    private void walk() {
        guest.memory().fillRandom(0, (long) PAGES * RamBlock.PAGE_BYTES, 1);
        new PrecopyLab(guest, progress, meter, parameters, () -> now)
                .walk(
                        List.of(new Passes(_ -> sentBeforePass.add(meter.normalPages()))),
                        () -> now += BETWEEN_WRITES_NANOS,
                        _ -> {});
    }

    private boolean isFirstPass() {
        return progress.pass == 1;
    }

    @Test
    void whatIsSeenToBeWrittenAheadIsSentOnceInTheSecondPass() {
        guest.onHarvest = found -> {
            if (!isFirstPass()) {
                return 0;
            }
            found.setRange(FIRST_HOT, HOT);
            return HOT;
        };
        walk();
        assertThat(sentBeforePass.get(1)).as("in the first pass").isEqualTo(PAGES - HOT);
        assertThat(meter.normalPages()).as("in all of them").isEqualTo(PAGES);
        assertThat(guest.ram().snapshot().dirtyPageCount()).isZero();
    }

    @Test
    void whatWasSentBeforeItWasWrittenIsSentAgain() {
        guest.onHarvest = found -> {
            if (!isFirstPass() || meter.normalPages() < FIRST_HOT + HOT) {
                return 0;
            }
            found.setRange(FIRST_HOT, HOT);
            return HOT;
        };
        walk();
        assertThat(meter.normalPages()).isEqualTo(PAGES + HOT);
        assertThat(sentBeforePass.get(1)).as("nothing was left").isEqualTo(PAGES);
    }

    /** A look that comes later finds other pages: those of the look before are left all the same. */
    @Test
    void whatWasWrittenOnceStaysHotToTheEndOfThePass() {
        int[] harvests = new int[1];
        guest.onHarvest = found -> {
            int first = FIRST_HOT + 10 * harvests[0]++;
            if (!isFirstPass() || meter.normalPages() >= FIRST_HOT) {
                return 0;
            }
            found.setRange(first, 10);
            return 10;
        };
        walk();
        assertThat(harvests[0]).as("looks, and one harvest for each pass").isGreaterThan(4);
        assertThat(meter.normalPages()).isEqualTo(PAGES);
        assertThat(sentBeforePass.get(1)).as("left for the second pass").isLessThan(PAGES - 20);
    }

    @Test
    void aGuestThatWritesAllOfItsMemoryEndsTheFirstPassSoon() {
        PageBitmap dirty = guest.ram().snapshot().blocks().getFirst().dirtyBitmap();
        guest.onHarvest = found -> {
            if (!isFirstPass()) {
                return 0;
            }
            found.setRange(0, PAGES);
            return PAGES;
        };
        walk();
        assertThat(sentBeforePass.get(1)).isLessThan(PAGES / 2);
        assertThat(dirty.count()).isZero();
    }

    @Test
    void pagesOfABlockThatHasGoneDoNotCount() {
        RamBlock stays = guest.ram().snapshot().blocks().getFirst();
        try (NativeMemory memory = NativeMemory.mapAnonymous(1 << 20)) {
            RamBlock goes = new RamBlock("dimm", memory);
            guest.onHarvest = found -> {
                found.setRange(0, 10);
                return 10;
            };
            HotPages hot = new HotPages();
            assertThat(hot.harvest(guest, stays)).isEqualTo(10);
            assertThat(hot.harvest(guest, goes)).isEqualTo(10);
            assertThat(hot.count(List.of(stays, goes))).isEqualTo(20);
            assertThat(hot.count(List.of(stays)))
                    .as("no more than are dirty in what there is")
                    .isEqualTo(stays.dirtyBitmap().count())
                    .isEqualTo(10);
        }
    }

    @Test
    void whatWasFreeAndIsInUseAgainTravelsInThisPass() {
        RamBlock block = guest.ram().snapshot().blocks().getFirst();
        block.beginSending();
        block.withhold(0, 0xff);
        guest.onHarvest = found -> {
            found.setRange(4, 8);
            return 8;
        };
        HotPages hot = new HotPages();
        assertThat(hot.harvest(guest, block)).isEqualTo(8);
        assertThat(hot.of(block).peek(0)).as("pages 8 to 11").isEqualTo(0xf00);
        assertThat(block.dirtyBitmap().peek(0) & 0xfff)
                .as("pages 0 to 3 are free still")
                .isEqualTo(0xff0);
    }
}
