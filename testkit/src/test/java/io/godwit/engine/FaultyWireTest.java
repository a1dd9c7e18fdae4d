// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.testkit.wire.FaultyWire;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whatever the wire does, one copy of the guest runs in the end, and never two. */
@Timeout(300)
class FaultyWireTest {
    /** WIRE: magic and version. */
    private static final int HEADER_BYTES = 8;

    @TempDir
    Path directory;

    @Test
    void aCutAtAnyByteLeavesExactlyOneRunningGuest() throws Exception {
        long seed = System.nanoTime();
        System.out.println("cuts: seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        long whole = wholeStreamBytes();
        List<Long> positions = new ArrayList<>(List.of(0L, 1L, 8L, 30L, whole - 1, whole, whole + 50));
        for (int i = 0; i < 12; i++) {
            positions.add(random.nextLong(whole));
        }
        for (int i = 0; i < 12; i++) {
            // The tail, where the guest stands still.
            positions.add(whole - random.nextLong(3000));
        }
        for (long at : positions) {
            assertOneRuns(new FaultyWire.Fault.CutForward(at));
        }
    }

    @Test
    void aCutOnTheWayBackLeavesExactlyOneRunningGuest() throws Exception {
        // WIRE: messages of 8 bytes: three PONGs, one for each pass, then the SHUT that commits.
        for (long at = 0; at <= wholeAnswerBytes() + 8; at += 4) {
            assertOneRuns(new FaultyWire.Fault.CutBackward(at));
        }
    }

    @Test
    void aFlippedByteLeavesExactlyOneRunningGuest() throws Exception {
        long seed = System.nanoTime();
        System.out.println("flips: seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        long whole = wholeStreamBytes();
        for (int i = 0; i < 12; i++) {
            assertOneRuns(new FaultyWire.Fault.FlipForward(random.nextLong(200)));
            assertOneRuns(new FaultyWire.Fault.FlipForward(whole - 1 - random.nextLong(1500)));
        }
        long answer = wholeAnswerBytes();
        // WIRE: a PONG whose flip is not noticed, the announcement of the token, and bytes of what is the SHUT unless
        // passes differ.
        for (long at : List.of(5L, 12L, answer - 8, answer - 7, answer - 5, answer - 4, answer - 1)) {
            assertOneRuns(new FaultyWire.Fault.FlipBackward(at));
        }
    }

    @Test
    void aDestinationThatTakesNoMoreBytesIsGivenUp() throws Exception {
        try (Pair pair = new Pair(directory);
                FaultyWire wire =
                        new FaultyWire(pair.listen("tcp:127.0.0.1:0"), new FaultyWire.Fault.StallForward(100_000))) {
            pair.source.migrate(wire.uri());
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error().orElseThrow()).contains("took no byte for 2000 ms");
            pair.assertRunsAtSourceOnly();
        }
    }

    @Test
    void anAnswerThatNeverComesIsDecidedByTheToken() throws Exception {
        long answer = wholeAnswerBytes();
        try (Pair pair = new Pair(directory);
                FaultyWire wire = new FaultyWire(
                        pair.listen("tcp:127.0.0.1:0"), new FaultyWire.Fault.StallBackward(answer - 8))) {
            pair.sourceRun.stop();
            pair.source.migrate(wire.uri());
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error().orElseThrow())
                    .contains("gave no answer within 2000 ms", GuestOwner.PEER.sentence());
            assertThat(pair.sourceRun.state()).isEqualTo(RunState.POSTMIGRATE);
            pair.destinationRun.cont();
            pair.assertRunsAtDestinationOnly();
        }
    }

    /** The token is named after the guest: without the name each side has a token of its own. */
    @Test
    void withoutTheGuestsIdentityTheTokenProvesNothing() throws Exception {
        try (Pair pair = new Pair(directory)) {
            pair.source.setCapability(Capability.VALIDATE_UUID, false);
            assertUndecidedWithoutTheLastAnswer(pair);
        }
    }

    /** Each of two machines has its own directory of locks, and its own token of the guest. */
    @Test
    void anArbiterOfAnotherMachineProvesNothing() throws Exception {
        try (Pair pair = new Pair(directory.resolve("one"), directory.resolve("other"))) {
            assertUndecidedWithoutTheLastAnswer(pair);
        }
    }

    private static void assertUndecidedWithoutTheLastAnswer(Pair pair) throws Exception {
        // Nothing written, so one pass. WIRE: PONGs to the first PING, to the question (two) and to the pass.
        pair.sourceRun.stop();
        try (FaultyWire wire = new FaultyWire(pair.listen("tcp:127.0.0.1:0"), new FaultyWire.Fault.StallBackward(32))) {
            pair.source.migrate(wire.uri());
            assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(pair.source.statistics().error().orElseThrow()).contains("gave no answer");
            assertThat(pair.source.statistics().owner()).contains(GuestOwner.UNDECIDED);
        }
    }

    private long wholeStreamBytes() throws Exception {
        return whole().forwardBytes.get();
    }

    private long wholeAnswerBytes() throws Exception {
        return whole().backwardBytes.get();
    }

    private FaultyWire whole() throws Exception {
        try (Pair pair = new Pair(directory);
                FaultyWire wire = new FaultyWire(pair.listen("tcp:127.0.0.1:0"), new FaultyWire.Fault.None())) {
            // Nothing written meanwhile, so that the length is the same each time.
            pair.sourceRun.stop();
            pair.migrate(wire.uri());
            return wire;
        }
    }

    /** Whether the destination sees no whole header of a stream. */
    private static boolean isInHeader(FaultyWire.Fault fault) {
        return switch (fault) {
            case FaultyWire.Fault.CutForward(long at) -> at < HEADER_BYTES;
            case FaultyWire.Fault.FlipForward(long at) -> at < HEADER_BYTES;
            case FaultyWire.Fault.None _,
                    FaultyWire.Fault.CutBackward _,
                    FaultyWire.Fault.FlipBackward _,
                    FaultyWire.Fault.StallForward _,
                    FaultyWire.Fault.StallBackward _ -> false;
        };
    }

    private void assertOneRuns(FaultyWire.Fault fault) throws Exception {
        try (Pair pair = new Pair(directory);
                FaultyWire wire = new FaultyWire(pair.listen("tcp:127.0.0.1:0"), fault)) {
            if (isInHeader(fault)) {
                pair.source.migrate(wire.uri());
                assertThat(pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
                assertThat(pair.destination.statistics().status())
                        .as("who sends no header is a stranger, and the destination waits on")
                        .isEqualTo(MigrationStatus.SETUP);
            } else {
                pair.migrate(wire.uri());
            }
            String outcome =
                    fault + ": source " + pair.source.statistics() + ", destination " + pair.destination.statistics();
            assertThat(pair.census.most.get()).as(outcome).isEqualTo(1);
            assertThat(pair.census.running.get()).as(outcome).isEqualTo(1);
            boolean atSource = pair.sourceRun.state() == RunState.RUNNING;
            assertThat(pair.destinationRun.state() == RunState.RUNNING)
                    .as(outcome)
                    .isNotEqualTo(atSource);
            if (pair.source.statistics().status() == MigrationStatus.FAILED) {
                GuestOwner owner = pair.source.statistics().owner().orElseThrow();
                assertThat(owner).as(outcome).isEqualTo(atSource ? GuestOwner.HERE : GuestOwner.PEER);
                assertThat(pair.source.statistics().error().orElseThrow()).contains(owner.sentence());
            }
            Pair.assertCountsOn(atSource ? pair.sourceGuest : pair.destinationGuest);
        }
    }
}
