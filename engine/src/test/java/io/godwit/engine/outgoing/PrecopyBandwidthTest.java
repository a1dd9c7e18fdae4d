// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.MigrationParameter;
import io.godwit.engine.MigrationParameters;
import io.godwit.engine.StillGuest;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.stream.PageRecordWriter;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The speed of the wire is what it carried while somebody sent: syncs within a pass, however dear, are no part of it. By a clock that only costs move. */
class PrecopyBandwidthTest {
    private static final long BYTES = 8 << 20;
    private static final long SECOND = 1_000_000_000;

    private final StillGuest guest = new StillGuest(BYTES, 1);
    private final OutgoingProgress progress = new OutgoingProgress();
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
        OutgoingMigration.Plan plan = new OutgoingMigration.Plan(
                guest,
                guest.vcpus(),
                new RunControl(guest, new NoArbiter(), RunState.PRELAUNCH),
                MigrationUri.parse("exec:true"),
                () -> parameters,
                Set.of(),
                List.of(),
                () -> now);
        PageRecordWriter records =
                new PageRecordWriter(OutgoingWire.entries(guest.ram().snapshot().blocks(), false));
        Precopy[] within = new Precopy[1];
        SwallowingChannel channel = new SwallowingChannel(() -> {});
        try (AnnouncedRam ram = new AnnouncedRam(guest.ram(), "test");
                OutgoingWire wire = new OutgoingWire(channel, progress);
                RamSender sender = new RamSender(channel, records, progress, () -> now);
                Precopy precopy = new Precopy(
                        plan,
                        ram,
                        wire,
                        sender,
                        progress,
                        new PostcopyTrigger(false, () -> parameters),
                        Optional.empty(),
                        () -> {
                            now += SECOND;
                            for (int i = 0; i < harvestsWithinPass; i++) {
                                within[0].harvestQuietly();
                            }
                        })) {
            within[0] = precopy;
            precopy.begin(false);
            assertThat(precopy.run()).isFalse();
        }
        return progress.bandwidthBytesPerSecond;
    }

    @Test
    void withoutASyncItIsBytesByTime() {
        assertThat(measuredBytesPerSecond()).isEqualTo(progress.transferredBytes.get());
        assertThat(progress.transferredBytes.get()).isGreaterThan(BYTES);
    }

    @Test
    void whatSyncsTakeIsNoPartOfIt() {
        harvestNanos = 3 * SECOND;
        harvestsWithinPass = 2;
        assertThat(measuredBytesPerSecond()).isEqualTo(progress.transferredBytes.get());
        assertThat(progress.throttle.syncMicros())
                .as("two within, one at the end")
                .isEqualTo(9_000_000);
    }
}
