// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.testkit.wire.FaultyWire;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Postcopy from Godwit to Godwit under pauses, limits and cuts: the guest arrives whole, once. */
@Tag("kernel")
@Timeout(300)
class PostcopyCutTest {
    /** WIRE: magic and version; who sends less is a stranger, for whom no migration ends. */
    private static final int HEADER_BYTES = 8;

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aGuestThatWaitsForPagesGetsThemWhileThePushCrawls(boolean preempt) throws Exception {
        try (PostcopyPair pair = new PostcopyPair(directory)) {
            if (preempt) {
                pair.usePreempt();
            }
            pair.source.setParameters(
                    pair.source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 1 << 20));
            pair.source.migrate(pair.listen());
            pair.source.startPostcopy();
            pair.awaitThat(
                    () -> pair.source.statistics().postcopy().isPresent()
                            && pair.source.statistics().postcopy().get().requestedPages() > 300,
                    "pages are asked for and sent");
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
            pair.assertArrived();
        }
    }

    @Test
    void passesFirstAndThenPostcopy() throws Exception {
        try (PostcopyPair pair = new PostcopyPair(directory)) {
            // Passes so slow that the guest writes during each: with nothing left to send it would be precopy to the
            // end.
            pair.source.setParameters(pair.source
                    .parameters()
                    .with(MigrationParameter.DOWNTIME_LIMIT, 0)
                    .with(MigrationParameter.MAX_BANDWIDTH, 4 << 20)
                    .with(MigrationParameter.POSTCOPY_AFTER_PASSES, 2));
            pair.source.migrate(pair.listen());
            pair.assertArrived();
            assertThat(pair.source.statistics().postcopy()).isPresent();
        }
    }

    @Test
    void withoutASharedTokenTooTheGuestMoves() throws Exception {
        try (PostcopyPair pair = new PostcopyPair(directory.resolve("one"), directory.resolve("other"))) {
            pair.source.migrate(pair.listen());
            pair.source.startPostcopy();
            pair.assertArrived();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void migratePauseAndRecoverAgainAndAgain(boolean preempt) throws Exception {
        try (PostcopyPair pair = new PostcopyPair(directory)) {
            if (preempt) {
                pair.usePreempt();
            }
            pair.source.setParameters(
                    pair.source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 4 << 20));
            pair.source.migrate(pair.listen());
            pair.source.startPostcopy();
            for (int i = 0; i < 4; i++) {
                Migrator pausing = i % 2 == 0 ? pair.source : pair.destination;
                pair.awaitThat(
                        () -> pair.source.statistics().status() == MigrationStatus.POSTCOPY_ACTIVE
                                && pair.destination.statistics().status() == MigrationStatus.POSTCOPY_ACTIVE
                                && pair.destinationRun.state() == RunState.RUNNING,
                        "postcopy is active and the guest runs at the destination");
                pausing.pausePostcopy();
                pair.awaitRest();
                assertThat(pair.source.statistics().status()).isEqualTo(MigrationStatus.POSTCOPY_PAUSED);
                assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.POSTCOPY_PAUSED);
                pair.recover();
            }
            pair.source.setParameters(pair.source.parameters().with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0));
            pair.assertArrived();
        }
    }

    @Test
    void aCutAtAnyByteLosesNoGuest() throws Exception {
        long seed = System.nanoTime();
        System.out.println("postcopy cuts: seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        long whole = wholeForwardBytes();
        List<FaultyWire.Fault> faults = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            faults.add(new FaultyWire.Fault.CutForward(random.nextLong(HEADER_BYTES, whole)));
            // The switch is within the first few hundred bytes, because postcopy is asked for at once.
            faults.add(new FaultyWire.Fault.CutForward(random.nextLong(HEADER_BYTES, 1500)));
            faults.add(new FaultyWire.Fault.CutBackward(random.nextLong(400)));
        }
        for (FaultyWire.Fault fault : faults) {
            assertOneArrivesOrStays(fault);
        }
    }

    private void assertOneArrivesOrStays(FaultyWire.Fault fault) throws Exception {
        try (PostcopyPair pair = new PostcopyPair(directory);
                FaultyWire wire = new FaultyWire(pair.listen(), fault)) {
            pair.source.migrate(wire.uri());
            pair.source.startPostcopy();
            pair.awaitRest();
            if (pair.source.statistics().status() == MigrationStatus.FAILED) {
                pair.assertStayed();
                return;
            }
            if (pair.source.statistics().status() == MigrationStatus.POSTCOPY_PAUSED) {
                pair.recover();
            }
            pair.assertArrived();
        } catch (AssertionError e) {
            throw new AssertionError("with " + fault, e);
        }
    }

    private long wholeForwardBytes() throws Exception {
        try (PostcopyPair pair = new PostcopyPair(directory);
                FaultyWire wire = new FaultyWire(pair.listen(), new FaultyWire.Fault.None())) {
            pair.source.migrate(wire.uri());
            pair.source.startPostcopy();
            pair.assertArrived();
            return wire.forwardBytes.get();
        }
    }
}
