// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Who writes more than his share, pays; nobody else does. */
class DirtyLimitTest {
    private static final long SECOND = 1_000_000_000;
    private static final long SENT_PAGES = 10_000;

    private final DirtyLimit limit = new DirtyLimit();
    private MigrationParameters parameters = MigrationParameters.DEFAULTS;
    private int[] percents = new int[3];

    /** A second in which vCPUs wrote as they would with all of their time, less what was taken from them. */
    private int[] second(long... wantedPages) {
        long[] pages = new long[wantedPages.length];
        Arrays.setAll(pages, vcpu -> wantedPages[vcpu] * (100 - percents[vcpu]) / 100);
        percents = limit.judge(
                new ThrottlePolicy.Period(
                        SECOND,
                        Arrays.stream(pages).sum() * RamBlock.PAGE_BYTES,
                        SENT_PAGES * RamBlock.PAGE_BYTES,
                        false),
                pages,
                percents,
                parameters);
        return percents;
    }

    @Test
    void onlyTheWriterPays() {
        assertThat(second(40_000, 100, 0)).as("once is not twice").containsExactly(0, 0, 0);
        // 5,000 pages may be dirtied, 100 of them belong to the second.
        assertThat(second(40_000, 100, 0)).containsExactly(88, 0, 0);
        assertThat(second(40_000, 100, 0)).as("it is steady").containsExactly(88, 0, 0);
    }

    @Test
    void twiceNeedNotBeInARow() {
        assertThat(second(40_000, 100, 0)).containsExactly(0, 0, 0);
        assertThat(second(100, 100, 0)).containsExactly(0, 0, 0);
        assertThat(second(40_000, 100, 0)).containsExactly(88, 0, 0);
    }

    @Test
    void itIsGivenBackWhenTheWriterRests() {
        second(40_000, 40_000, 0);
        assertThat(second(40_000, 40_000, 0)).containsExactly(94, 94, 0);
        assertThat(second(40_000, 500, 0)).containsExactly(89, 0, 0);
        assertThat(second(1_000, 500, 0)).containsExactly(0, 0, 0);
    }

    @Test
    void nobodyIsLeftLessThanTheLeast() {
        parameters = parameters.with(MigrationParameter.VCPU_DIRTY_LIMIT, 100);
        second(51_200, 0, 0);
        // 100 MiB/s are 25,600 pages, half of what it writes.
        assertThat(second(51_200, 0, 0)).containsExactly(50, 0, 0);
    }

    @Test
    void qemuLeavesEachTheSameWhateverTheWireCarries() {
        DirtyLimit qemu = DirtyLimit.ofQemu();
        ThrottlePolicy.Period period = new ThrottlePolicy.Period(
                SECOND, 60_000L * RamBlock.PAGE_BYTES, SENT_PAGES * RamBlock.PAGE_BYTES, true);
        long[] pages = {51_200, 256, 0};
        percents = qemu.judge(period, pages, percents, parameters);
        // 1 MiB/s is 256 pages.
        assertThat(qemu.judge(period, pages, percents, parameters)).containsExactly(99, 0, 0);
    }

    @Test
    void theShareGoesToThoseWhoWantIt() {
        assertThat(DirtyLimit.share(new double[] {10, 100, 1}, 61)).isCloseTo(50, within(1e-9));
        assertThat(DirtyLimit.share(new double[] {30, 30, 30}, 30)).isCloseTo(10, within(1e-9));
        assertThat(DirtyLimit.share(new double[] {1, 1}, 10)).isEqualTo(Double.MAX_VALUE);
    }
}
