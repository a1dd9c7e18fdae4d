// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.CheckpointStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.testkit.guest.TestPlug;
import io.godwit.testkit.peer.Passes;
import io.godwit.testkit.wire.HookedWire;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory that comes and goes in the passes of a migration that becomes postcopy. */
@Tag("kernel")
@Timeout(180)
class PostcopyPlugTest {
    private static final long LIMIT = 128L << 20;
    /** Much more than sockets hold, so that most of it is missing if the switch comes soon after it. */
    private static final long BIG = 32L << 20;

    private static final long SMALL = 1L << 20;
    private static final String AT_SOURCE = "goes on by postcopy";
    private static final String AT_DESTINATION = "the guest's memory is still arriving";

    @TempDir
    Path directory;

    /** A pair of which both can, whose push crawls until it is let go. */
    private static final class Plugged implements AutoCloseable {
        final PostcopyPair pair;
        final TestPlug source;
        final TestPlug destination;
        final List<Throwable> failures = new CopyOnWriteArrayList<>();
        volatile boolean asked;

        Plugged(Path locks) {
            pair = new PostcopyPair(locks);
            source = pair.sourceGuest.allowPlugging(LIMIT);
            destination = pair.destinationGuest.allowPlugging(LIMIT);
            set(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 1 << 20);
        }

        void set(MigrationParameter parameter, long value) {
            pair.source.setParameters(pair.source.parameters().with(parameter, value));
        }

        RamBlock plug(String name, long bytes, long seed) {
            RamBlock block = pair.source.plugRam(name, bytes);
            source.fill(block, seed);
            return block;
        }

        void attempt(Runnable what) {
            try {
                what.run();
            } catch (RuntimeException | Error e) {
                failures.add(e);
            }
        }

        RamBlock there(String name) {
            return pair.destinationGuest.ram().snapshot().find(name).orElseThrow();
        }

        long missing(String name) {
            RamBlock block = there(name);
            long missing = 0;
            for (long page = 0; page < block.pageCount(); page++) {
                missing += block.isPresent(page) ? 0 : 1;
            }
            return missing;
        }

        /**
         * What a vCPU does: it may wait for the page, and the JVM goes on. One that never comes fails the test, and is
         * let go when the pair is closed.
         */
        long touch(String name, long page) throws InterruptedException {
            NativeMemory scratch = NativeMemory.allocate(8);
            NativeMemory memory = there(name).memory();
            Thread toucher = Thread.ofPlatform()
                    .daemon()
                    .start(() -> NativeMemory.copyByDowncall(memory, page * RamBlock.PAGE_BYTES, scratch, 0, 8));
            assertThat(toucher.join(Pair.PATIENCE))
                    .as("page %s of %s comes", page, name)
                    .isTrue();
            try (scratch) {
                return scratch.getLong(0);
            }
        }

        /**
         * Plugs in {@code new} in the middle of the first pass, writes to it behind its announcement, and switches over
         * when little of it has come.
         */
        HookedWire switchingSoonAfterNew() throws IOException {
            long[] announcedAt = {Long.MAX_VALUE};
            boolean[] done = new boolean[2];
            return new HookedWire(pair.listen(), forwarded -> {
                if (!done[0] && forwarded > 2 << 20) {
                    done[0] = true;
                    attempt(() -> plug("new", BIG, 12));
                }
                if (announcedAt[0] == Long.MAX_VALUE
                        && pair.destinationGuest.ram().snapshot().find("new").isPresent()) {
                    announcedAt[0] = forwarded;
                }
                if (!done[1] && forwarded > announcedAt[0] && forwarded - announcedAt[0] > 1 << 20) {
                    done[1] = true;
                    attempt(() -> {
                        // Of these the first has been sent, the second has not.
                        source.write(at("new"), 3, 33);
                        source.write(at("new"), BIG / RamBlock.PAGE_BYTES - 3, 44);
                        asked = true;
                        pair.source.startPostcopy();
                    });
                }
                return Long.MAX_VALUE;
            });
        }

        private RamBlock at(String name) {
            return pair.sourceGuest.ram().snapshot().find(name).orElseThrow();
        }

        void awaitPostcopy() {
            pair.awaitThat(
                    () -> pair.source.statistics().status() == MigrationStatus.POSTCOPY_ACTIVE
                            && pair.destination.statistics().status() == MigrationStatus.POSTCOPY_ACTIVE
                            && pair.destinationRun.state() == RunState.RUNNING,
                    "the guest runs at the destination");
        }

        void assertRefused() {
            for (ThrowingCallable change : List.<ThrowingCallable>of(
                    () -> pair.source.plugRam("more", SMALL),
                    () -> pair.source.unplugRam(
                            pair.sourceGuest.ram().snapshot().blocks().getLast()))) {
                assertThatThrownBy(change)
                        .isInstanceOf(MigrationException.Refused.class)
                        .hasMessageContaining(AT_SOURCE)
                        .hasMessageContaining("query-migrate says which host has the guest");
            }
            for (ThrowingCallable change : List.<ThrowingCallable>of(
                    () -> pair.destination.plugRam("more", SMALL),
                    () -> pair.destination.unplugRam(
                            pair.destinationGuest.ram().snapshot().blocks().getLast()))) {
                assertThatThrownBy(change)
                        .isInstanceOf(MigrationException.Refused.class)
                        .hasMessageContaining(AT_DESTINATION);
            }
        }

        void assertArrived(String... blocks) {
            set(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 0);
            pair.assertArrived();
            assertThat(failures).as("what the test did meanwhile").isEmpty();
            assertThat(pair.destination.statistics().postcopy()).as("postcopy").isPresent();
            assertThat(pair.destination.digestsAtSwitchover().blockDigests())
                    .isEqualTo(pair.source.digestsAtSwitchover().blockDigests());
            assertThat(pair.destinationGuest.ram().snapshot().blocks().stream().map(RamBlock::idstr))
                    .containsExactly(blocks);
            for (RamBlock block : pair.sourceGuest.ram().snapshot().blocks()) {
                if (block != pair.sourceGuest.block()) {
                    assertThat(NativeMemory.mismatch(
                                    block.memory(), 0, there(block.idstr()).memory(), 0, block.usedLength()))
                            .as("first byte of %s that is another", block)
                            .isEqualTo(-1);
                }
            }
        }

        @Override
        public void close() {
            pair.close();
        }
    }

    @Test
    void aBlockThatCameInAPassIsWatchedAndFollowsTheGuest() throws Exception {
        try (Plugged plugged = new Plugged(directory);
                HookedWire wire = plugged.switchingSoonAfterNew()) {
            plugged.pair.source.migrate(wire.uri());
            plugged.awaitPostcopy();
            assertThat(plugged.missing("new")).isGreaterThan(BIG / RamBlock.PAGE_BYTES / 4);
            long last = BIG / RamBlock.PAGE_BYTES - 3;
            assertThat(plugged.there("new").isPresent(last)).isFalse();
            assertThat(plugged.touch("new", last)).as("asked for and brought").isEqualTo(44);
            assertThat(plugged.touch("new", 3)).isEqualTo(33);
            assertThat(plugged.missing("new")).isGreaterThan(BIG / RamBlock.PAGE_BYTES / 8);
            plugged.assertArrived("ram", "new");
        }
    }

    /** One goes that is not the last, so that others get other numbers; one comes when the switch is due already. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void blocksThatComeAndGoInThePassesAreWhatPostcopyGoesBy(boolean preempt) throws Exception {
        try (Plugged plugged = new Plugged(directory)) {
            if (preempt) {
                plugged.pair.usePreempt();
            }
            plugged.set(MigrationParameter.DOWNTIME_LIMIT, 0);
            plugged.set(MigrationParameter.MAX_BANDWIDTH, 16 << 20);
            plugged.set(MigrationParameter.POSTCOPY_AFTER_PASSES, 3);
            RamBlock goes = plugged.plug("goes", SMALL, 1);
            RamBlock stays = plugged.plug("stays", SMALL, 2);
            plugged.pair.source.addListener(new Passes(pass -> plugged.attempt(() -> {
                if (pass == 2) {
                    plugged.pair.source.unplugRam(goes);
                    plugged.plug("comes", SMALL, 3);
                }
                if (pass == 4) {
                    // Three passes are over. All of it is at the destination already, in an older form.
                    plugged.source.fill(stays, 4);
                    plugged.source.fill(plugged.at("comes"), 5);
                    plugged.plug("late", SMALL, 6);
                }
            })));
            plugged.pair.source.migrate(plugged.pair.listen());
            plugged.awaitPostcopy();
            plugged.assertArrived("ram", "stays", "comes", "late");
            assertThat(plugged.destination.made).hasValue(4);
            assertThat(plugged.destination.freed).hasValue(1);
        }
    }

    @Test
    void fromTheSwitchToItsEndItIsRefusedOnBothSides() throws Exception {
        try (Plugged plugged = new Plugged(directory);
                HookedWire wire = plugged.switchingSoonAfterNew()) {
            int[] refused = new int[2];
            plugged.pair.source.addListener(new Passes(pass -> {
                if (plugged.asked && plugged.pair.sourceRun.state() == RunState.RUNNING) {
                    // The pass was cut short, so this is the switch, and the guest has not noticed.
                    refused[0]++;
                    plugged.attempt(() -> assertThatThrownBy(() -> plugged.pair.source.plugRam("more", SMALL))
                            .isInstanceOf(MigrationException.Refused.class)
                            .hasMessageContaining(AT_SOURCE));
                }
            }));
            plugged.pair.destinationGuest.beforeLoad = () -> {
                // The guest stands still here and there.
                refused[1]++;
                plugged.attempt(plugged::assertRefused);
            };
            plugged.pair.source.migrate(wire.uri());
            plugged.awaitPostcopy();
            plugged.assertRefused();
            plugged.assertArrived("ram", "new");
            assertThat(refused[0]).isPositive();
            assertThat(refused[1]).isEqualTo(1);
            assertThatThrownBy(() -> plugged.pair.source.plugRam("more", SMALL))
                    .hasMessageContaining("the other side of its migration has it");
            RamBlock _ = plugged.pair.destination.plugRam("more", SMALL);
            plugged.pair.destination.unplugRam(plugged.there("new"));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aConnectionLostInPostcopyIsRecoveredWithTheBlock(boolean atDestination) throws Exception {
        try (Plugged plugged = new Plugged(directory);
                HookedWire wire = plugged.switchingSoonAfterNew()) {
            plugged.pair.source.migrate(wire.uri());
            plugged.awaitPostcopy();
            assertThat(plugged.touch("new", 3)).isEqualTo(33);
            (atDestination ? plugged.pair.destination : plugged.pair.source).pausePostcopy();
            plugged.pair.awaitRest();
            assertThat(plugged.pair.source.statistics().status()).isEqualTo(MigrationStatus.POSTCOPY_PAUSED);
            assertThat(plugged.missing("new")).isPositive();
            plugged.assertRefused();
            plugged.pair.recover();
            plugged.awaitPostcopy();
            long last = BIG / RamBlock.PAGE_BYTES - 3;
            assertThat(plugged.touch("new", last)).isEqualTo(44);
            plugged.assertArrived("ram", "new");
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {31, 32, 33, 34})
    void changesAgainAndAgainAndASwitchAtAnyOfThem(long seed) throws Exception {
        System.out.println("seed " + seed);
        try (Plugged plugged = new Plugged(directory)) {
            plugged.set(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 8 << 20);
            SplittableRandom random = new SplittableRandom(seed);
            List<RamBlock> there = new ArrayList<>();
            int last = 20 + random.nextInt(200);
            int[] steps = new int[1];
            try (HookedWire wire = new HookedWire(plugged.pair.listen(), forwarded -> {
                if (forwarded > 256 << 10 && steps[0] < last) {
                    plugged.attempt(() -> plugged.source.changeAtRandom(plugged.pair.source, there, random, 256));
                    if (++steps[0] == last) {
                        plugged.attempt(plugged.pair.source::startPostcopy);
                    }
                }
                return Long.MAX_VALUE;
            })) {
                // Never through before the last change.
                plugged.set(MigrationParameter.DOWNTIME_LIMIT, 0);
                plugged.pair.source.migrate(wire.uri());
                plugged.awaitPostcopy();
                List<String> names = new ArrayList<>(List.of("ram"));
                there.forEach(block -> names.add(block.idstr()));
                plugged.assertArrived(names.toArray(String[]::new));
                assertThat(plugged.source.made.get() - plugged.source.freed.get())
                        .isEqualTo(there.size());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {41, 42, 43, 44})
    void aCutInThePassesLeavesTheGuestWithItsNewMemory(long seed) throws Exception {
        System.out.println("seed " + seed);
        try (Plugged plugged = new Plugged(directory)) {
            SplittableRandom random = new SplittableRandom(seed);
            long[] allowed = {Long.MAX_VALUE};
            try (HookedWire wire = new HookedWire(plugged.pair.listen(), forwarded -> {
                if (forwarded > 2 << 20 && allowed[0] == Long.MAX_VALUE) {
                    plugged.attempt(() -> plugged.plug("new", BIG, 14));
                    allowed[0] = forwarded + random.nextLong(24 << 20);
                }
                return allowed[0];
            })) {
                plugged.pair.source.migrate(wire.uri());
                plugged.pair.awaitRest();
            }
            assertThat(plugged.failures).isEmpty();
            assertThat(plugged.pair.source.statistics().status()).isEqualTo(MigrationStatus.FAILED);
            plugged.pair.assertStayed();
            plugged.pair.source.unplugRam(plugged.at("new"));
            assertThat(plugged.source.freed).hasValue(1);
        }
    }

    /** What came after the two sides had agreed on safety is as safe. */
    @Test
    void aBlockThatCameInAPassComesBackWhenTheDestinationDies() throws Exception {
        try (Plugged plugged = new Plugged(directory);
                HookedWire wire = plugged.switchingSoonAfterNew()) {
            plugged.pair.source.setCapability(Capability.POSTCOPY_SAFE, true);
            plugged.set(MigrationParameter.SAFE_EPOCH, 5);
            plugged.pair.sourceGuest.world.mayMiss();
            plugged.pair.source.migrate(wire.uri());
            plugged.awaitPostcopy();
            assertThat(plugged.touch("new", 7))
                    .isEqualTo(plugged.at("new").memory().getLong(7 * 4096));
            plugged.destination.write(plugged.there("new"), 7, 777);
            long before = epochs(plugged);
            plugged.pair.awaitThat(() -> epochs(plugged) > before + 1, "an epoch that began later comes back");
            plugged.pair.destination.close();
            plugged.pair.destinationRun.shutdown();
            assertThat(plugged.pair.source.awaitEnd(Pair.PATIENCE)).isTrue();
            assertThat(plugged.failures).isEmpty();
            // The destination's guest may have seen zeros in its last moment, which nobody has heard of.
            assertThat(plugged.pair.source.statistics().owner()).contains(GuestOwner.HERE);
            assertThat(plugged.pair.sourceRun.state()).isEqualTo(RunState.RUNNING);
            assertThat(plugged.pair.sourceGuest.mismatches).hasValue(0);
            assertThat(plugged.at("new").memory().getLong(7 * 4096)).isEqualTo(777);
            assertThat(plugged.at("new").memory().getLong(3 * 4096)).isEqualTo(33);
            plugged.pair.source.unplugRam(plugged.at("new"));
        }
    }

    private static long epochs(Plugged plugged) {
        return plugged.pair
                .source
                .statistics()
                .postcopy()
                .flatMap(PostcopyStatistics::safety)
                .map(CheckpointStatistics::epochs)
                .orElse(0L);
    }
}
