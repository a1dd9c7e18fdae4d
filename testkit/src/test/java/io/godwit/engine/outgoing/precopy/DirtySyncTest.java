// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.guest.VcpuTime;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.testkit.guest.StillGuest;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How soon the next sync is wanted, after what syncs found and took. By a clock that the test moves. */
class DirtySyncTest {
    private static final long MILLI = 1_000_000;
    private static final int PAGES = 4096;

    private final StillGuest guest = new StillGuest((long) PAGES * RamBlock.PAGE_BYTES, 2);
    private final RunControl run = new RunControl(guest, new NoArbiter(), RunState.PRELAUNCH);
    private final PageBitmap dirty = guest.ram().snapshot().blocks().getFirst().dirtyBitmap();
    private final WireMeter meter = new WireMeter();
    private MigrationParameters parameters = MigrationParameters.DEFAULTS;
    private long now;
    private long syncMillis;
    private int dirtyPages;

    @AfterEach
    void close() {
        run.shutdown();
        guest.close();
    }

    private DirtySync begin(Set<Capability> capabilities) {
        run.cont();
        guest.onHarvest = found -> {
            now += syncMillis * MILLI;
            found.setRange(0, dirtyPages);
            return dirtyPages;
        };
        DirtySync sync = new DirtySync(
                new OutgoingPlan(
                        guest,
                        new VcpuTime(guest.vcpus(), () -> parameters).taker(),
                        run,
                        MigrationUri.parse("exec:true"),
                        () -> parameters,
                        capabilities,
                        List.of(),
                        Environment.of(() -> now),
                        new SystemTransports(Descriptors.ANY_NUMBER)),
                guest.ram().snapshot(),
                new OutgoingProgress(),
                meter,
                Optional.empty(),
                new PostcopyTrigger(false, () -> parameters));
        sync.begin();
        return sync;
    }

    /** A second in which all pages were sent, and what the guest then dirtied is found. */
    private void second(DirtySync sync) {
        dirty.clearAll();
        meter.sentBytes((long) PAGES * RamBlock.PAGE_BYTES);
        now += 1000 * MILLI;
        long _ = sync.syncInBackground();
    }

    /** The same, and a pass ends with it. */
    private void pass(DirtySync sync) {
        dirty.clearAll();
        meter.sentBytes((long) PAGES * RamBlock.PAGE_BYTES);
        now += 1000 * MILLI;
        sync.sync();
        sync.judgePass();
    }

    private static long millis(DirtySync sync) {
        return sync.intervalNanos() / MILLI;
    }

    @Test
    void itIsSoonUntilTheThrottleIsWhereItStays() {
        DirtySync sync = begin(Set.of(Capability.AUTO_CONVERGE));
        assertThat(millis(sync)).as("nothing is known yet").isEqualTo(500);
        dirtyPages = PAGES;
        second(sync);
        second(sync);
        assertThat(guest.percents()).containsExactly(20, 20);
        assertThat(millis(sync)).as("it may have to go up").isEqualTo(500);
        dirtyPages = PAGES * 45 / 100;
        second(sync);
        assertThat(millis(sync)).as("early in a pass every guest looks slow").isEqualTo(500);
        pass(sync);
        assertThat(millis(sync)).as("it is right").isEqualTo(5000);
        dirtyPages = PAGES;
        second(sync);
        assertThat(millis(sync)).as("it is wrong again").isEqualTo(500);
        parameters = parameters.with(MigrationParameter.BACKGROUND_SYNC_INTERVAL, 0);
        assertThat(millis(sync)).as("off is off").isZero();
        sync.release();
    }

    @Test
    void whatASyncTakesMakesItLater() {
        DirtySync sync = begin(Set.of(Capability.AUTO_CONVERGE));
        dirtyPages = PAGES;
        syncMillis = 20;
        second(sync);
        assertThat(millis(sync)).as("a hundredth of the time").isEqualTo(2000);
        syncMillis = 60;
        second(sync);
        assertThat(millis(sync)).as("not soon any more").isEqualTo(5000);
        syncMillis = 200;
        second(sync);
        assertThat(millis(sync)).as("a fiftieth of the time").isEqualTo(10_000);
        syncMillis = 0;
        second(sync);
        assertThat(millis(sync)).isEqualTo(500);
        assertThat(sync.syncNanos()).isEqualTo(280 * MILLI);
        sync.release();
    }

    /** A migration's end is told before all of it is cleared away. */
    @Test
    void whatTheNextMigrationTakesIsNotGivenBackByTheLastOne() {
        DirtySync sync = begin(Set.of(Capability.AUTO_CONVERGE));
        sync.release();
        guest.throttle(0, 50);
        sync.release();
        assertThat(guest.percents()).containsExactly(50, 0);
    }

    @Test
    void aDirtyLimitIsJudgedByItsOwnPeriodAndNobodyElseIsInAHurry() {
        DirtySync sync = begin(Set.of(Capability.DIRTY_LIMIT));
        dirtyPages = PAGES;
        second(sync);
        assertThat(millis(sync)).isEqualTo(1000);
        sync.release();
        assertThat(begin(Set.of()).intervalNanos()).isZero();
    }
}
