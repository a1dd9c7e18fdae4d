// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.testkit.guest.StillGuest;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What vCPUs lose for their limits. The clock stands unless a test moves it, so the thread never judges by itself. */
class VcpuDirtyLimitsTest {
    private static final long SECOND = 1_000_000_000;

    /** MiB a second in pages. */
    private static final long MIB = 256;

    private final StillGuest guest = new StillGuest(1 << 20, 2);
    private final AtomicLong now = new AtomicLong();
    private boolean trackerFree = true;
    private long migrationRate;
    private long migrationSyncs;
    private final VcpuDirtyLimits limits = new VcpuDirtyLimits(
            guest.ram(),
            guest,
            guest,
            new VcpuDirtyLimits.Surroundings() {
                @Override
                public boolean isTrackerFree() {
                    return trackerFree;
                }

                @Override
                public long migrationPagesPerSecond() {
                    return migrationRate;
                }

                @Override
                public long migrationSyncs() {
                    return migrationSyncs;
                }
            },
            Environment.of(now::get));

    @AfterEach
    void close() {
        limits.close();
        assertThat(guest.percents()).as("given back").containsOnly(0);
        assertThat(guest.tracking).isZero();
        guest.close();
    }

    private static long[] both(long one, long other) {
        return new long[] {one, other};
    }

    /** A second in which each vCPU dirtied so much. */
    private int[] second(long one, long other) {
        long[] before = guest.vcpuPages;
        guest.vcpuPages = both(before[0] + one * MIB, before[1] + other * MIB);
        long _ = now.addAndGet(SECOND);
        limits.judge();
        return guest.percents();
    }

    @Test
    void whoDirtiesMoreThanItsLimitLosesAsMuchTime() {
        guest.vcpuPages = both(77, 0);
        limits.set(List.of(0, 1), 100);
        assertThat(guest.tracking).isOne();
        assertThat(second(400, 50)).containsExactly(75, 0);
        assertThat(second(100, 50)).as("it is steady").containsExactly(75, 0);
        assertThat(limits.picture()).containsExactly(new VcpuDirtyLimit(0, 100, 100), new VcpuDirtyLimit(1, 100, 50));
        assertThat(second(25, 200)).as("it would do with all of its time").containsExactly(0, 50);
    }

    @Test
    void aLimitOfOneSaysNothingOfTheOther() {
        guest.vcpuPages = both(0, 0);
        limits.set(List.of(1), 1);
        assertThat(second(4000, 4000)).containsExactly(0, 99);
        limits.set(List.of(1), 2000);
        assertThat(limits.picture()).as("what is known stays").containsExactly(new VcpuDirtyLimit(1, 2000, 4000));
        assertThat(second(4000, 40)).containsExactly(0, 50);
    }

    @Test
    void whatIsCancelledIsGivenBackAtOnceAndTheLastOneStopsTheTracker() {
        guest.vcpuPages = both(0, 0);
        limits.set(List.of(0, 1), 10);
        assertThat(second(20, 20)).containsExactly(50, 50);
        limits.cancel(List.of(0));
        assertThat(guest.percents()).containsExactly(0, 50);
        assertThat(guest.tracking).isOne();
        limits.cancel(List.of(0, 1));
        assertThat(guest.percents()).containsExactly(0, 0);
        assertThat(guest.tracking).isZero();
        assertThat(limits.picture()).isEmpty();
        limits.judge();
        assertThat(guest.tracking).as("nobody wants it").isZero();
        limits.set(List.of(0), 10);
        assertThat(guest.tracking).as("and again").isOne();
    }

    /** Unplugged while its neighbour is harvested, it has no memory any more that could be. */
    @Test
    void aBlockThatHasGoneIsNotHarvested() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(1 << 20)) {
            RamBlock dimm = new RamBlock("dimm", memory);
            guest.ram().add(dimm, RamBlocks.Gate.OPEN);
            guest.onHarvest = _ -> {
                assertThat(guest.harvested).isNotEqualTo(Optional.of(dimm));
                guest.ram().remove(dimm, RamBlocks.Gate.OPEN, () -> {});
                return 80 * MIB;
            };
            limits.set(List.of(0), 10);
            long _ = now.addAndGet(SECOND);
            limits.judge();
            assertThat(guest.percents()).containsExactly(75, 0);
        }
    }

    @Test
    void aTrackerThatStartsHalfIsStopped() {
        guest.onStart = () -> {
            throw new IllegalStateException("the second block cannot be tracked");
        };
        assertThatThrownBy(() -> limits.set(List.of(0), 10)).hasMessageContaining("second block");
        assertThat(guest.tracking).isOne();
        limits.yieldTracker();
        assertThat(guest.tracking).isZero();
    }

    @Test
    void aTrackerThatDoesNotTellVcpusApartMakesThemTheSame() {
        guest.onHarvest = _ -> 80 * MIB;
        limits.set(List.of(0), 10);
        long _ = now.addAndGet(SECOND);
        limits.judge();
        assertThat(guest.percents()).containsExactly(75, 0);
        assertThat(limits.picture()).containsExactly(new VcpuDirtyLimit(0, 10, 40));
    }

    @Test
    void aMigrationHasTheTrackerAndGivesItBack() {
        guest.vcpuPages = both(100_000, 0);
        limits.set(List.of(0), 10);
        assertThat(second(20, 0)).containsExactly(50, 0);
        trackerFree = false;
        limits.yieldTracker();
        assertThat(guest.tracking).isZero();
        assertThat(guest.percents()).as("as it was").containsExactly(50, 0);
        guest.vcpuPages = both(0, 0);
        assertThat(second(40, 0))
                .as("counts begin anew with the migration's tracking")
                .containsExactly(88, 0);
        trackerFree = true;
        limits.judge();
        assertThat(guest.tracking).isOne();
    }

    @Test
    void withoutCountsOfVcpusTheMigrationsFigureCounts() {
        guest.onHarvest = _ -> 40 * MIB;
        limits.set(List.of(0), 10);
        long _ = now.addAndGet(SECOND);
        limits.judge();
        assertThat(guest.percents()).containsExactly(50, 0);
        trackerFree = false;
        limits.yieldTracker();
        limits.judge();
        assertThat(guest.percents()).as("nothing is known, nothing changes").containsExactly(50, 0);
        migrationRate = 80 * MIB;
        migrationSyncs = 1;
        limits.judge();
        assertThat(guest.percents()).containsExactly(88, 0);
        limits.judge();
        assertThat(guest.percents()).as("nothing new was measured").containsExactly(88, 0);
        migrationRate = 20 * MIB;
        migrationSyncs = 2;
        limits.judge();
        assertThat(guest.percents()).as("right").containsExactly(88, 0);
    }

    @Test
    void aGuestThatStandsStillIsTrackedOnceItRuns() {
        guest.vcpuPages = both(0, 0);
        trackerFree = false;
        limits.set(List.of(0), 10);
        assertThat(guest.tracking).isZero();
        trackerFree = true;
        limits.judge();
        assertThat(guest.tracking).isOne();
    }

    @Test
    void aTrackerThatFailsEndsTheLimits() {
        guest.onHarvest = _ -> {
            throw new IllegalStateException("the tracker fails");
        };
        limits.set(List.of(0, 1), 10);
        long deadline = System.nanoTime() + 60 * SECOND;
        while (!limits.picture().isEmpty()) {
            // The thread sees it within a second of its own.
            long _ = now.addAndGet(SECOND);
            assertThat(System.nanoTime()).isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void afterTheEndNothingIsLimited() {
        limits.set(List.of(0), 10);
        limits.close();
        limits.set(List.of(0), 10);
        assertThat(limits.picture()).as("closed is closed").isEmpty();
    }
}
