// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.outgoing.plan.OutgoingProgress;
import io.godwit.engine.outgoing.wire.WireMeter;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.testkit.guest.StillGuest;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The speed of the wire is what it carried while somebody sent: syncs within a pass, however dear, are no part of it.
 * By a clock that only costs move.
 */
class PrecopyBandwidthTest {
    private static final long BYTES = 8 << 20;
    private static final long SECOND = 1_000_000_000;

    private final StillGuest guest = new StillGuest(BYTES, 1);
    private final OutgoingProgress progress = new OutgoingProgress();
    private final WireMeter meter = new WireMeter();
    private long now;
    private long harvestNanos;
    private long harvestsWithinPass;

    @AfterEach
    void unmap() {
        guest.close();
    }

    /** Sends one pass in a second of the clock, with syncs within it that take as long as is asked. */
    private long measuredBytesPerSecond() {
        guest.memory().fillRandom(0, BYTES, 1);
        guest.onHarvest = _ -> {
            now += harvestNanos;
            return 0;
        };
        MigrationParameters parameters = MigrationParameters.DEFAULTS.with(MigrationParameter.MAX_BANDWIDTH, 0);
        new PrecopyLab(guest, progress, meter, parameters, () -> now).walk(List.of(), () -> {}, precopy -> {
            now += SECOND;
            for (int i = 0; i < harvestsWithinPass; i++) {
                precopy.harvestQuietly();
            }
        });
        return progress.bandwidthBytesPerSecond;
    }

    @Test
    void withoutASyncItIsBytesByTime() {
        assertThat(measuredBytesPerSecond()).isEqualTo(meter.bytes());
        assertThat(meter.bytes()).isGreaterThan(BYTES);
    }

    @Test
    void whatSyncsTakeIsNoPartOfIt() {
        harvestNanos = 3 * SECOND;
        harvestsWithinPass = 2;
        assertThat(measuredBytesPerSecond()).isEqualTo(meter.bytes());
        assertThat(progress.throttle.syncMicros())
                .as("two within, one at the end")
                .isEqualTo(9_000_000);
    }
}
