// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.machines.CuttingWire.Cut;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.GuestProgram;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Cuts the wire of postcopy migrations of real guests, at every kind of message and at random bytes, and recovers: the
 * guest is never lost, never doubled, and its memory is always right. {@code -Dgodwit.cuts=1000} cuts that often.
 */
@Tag("kernel")
@Timeout(900)
class PostcopyCutsTest {
    private static final int CUTS = Integer.getInteger("godwit.cuts", 200);
    private static final long SEED = Long.getLong("godwit.seed", 20_261_121L);
    private static final int CUTS_A_MOVE = 12;
    // Slow enough for most cuts to find something to cut.
    private static final long PUSH_BYTES_PER_SECOND = 100L << 20;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    // WIRE: every command of a postcopy source on its first connection, then those of a recovery.
    private static final int[] COMMANDS = {1, 2, 3, 6, 7, 11};
    private static final int[] RECOVERY_COMMANDS = {2, 9, 10};
    private static final int[] ANSWERS = {2, 3, 4};
    private static final int[] RECOVERY_ANSWERS = {2, 3, 4, 5, 6};
    private static final int SHUT = 1;

    @TempDir
    Path locks;

    private final Map<GuestOwner, Integer> ends = new EnumMap<>(GuestOwner.class);
    private int struck;

    @Test
    void everyCutIsSurvivedByTheGuestAndByBothSides() throws Exception {
        System.out.printf("PostcopyCutsTest: %d cuts, seed %d%n", CUTS, SEED);
        SplittableRandom random = new SplittableRandom(SEED);
        Deque<Cut> firsts = new ArrayDeque<>(firstSessionCuts(random));
        for (int move = 0; struck < CUTS; move++) {
            List<Cut> plan = new ArrayList<>();
            plan.add(firsts.isEmpty() ? anyFirstCut(random) : firsts.remove());
            for (int i = 1; i < CUTS_A_MOVE; i++) {
                plan.add(recoveryCut(random));
            }
            GuestKind kind = move % 4 == 3 ? GuestKind.MEMORY : GuestKind.KVM;
            Moving moving = new Moving(
                    kind, random.nextBoolean(), move % 3 == 2 ? 1 + random.nextInt(2) : 0, new ArrayDeque<>(plan));
            moving.toTheEnd("move %d of seed %d: %s".formatted(move, SEED, plan));
        }
        System.out.printf("PostcopyCutsTest: %d cuts fell; guests ended %s%n", struck, ends);
        assertThat(ends.getOrDefault(GuestOwner.PEER, 0))
                .as("guests that reached the destination")
                .isPositive();
    }

    /** Each command and answer of a first session once, before, in and behind it. */
    private static List<Cut> firstSessionCuts(SplittableRandom random) {
        List<Cut> cuts = new ArrayList<>();
        for (int bytes : new int[] {0, 3, 9}) {
            for (int command : COMMANDS) {
                cuts.add(new Cut.AtCommand(command, 1, bytes));
            }
            for (int answer : ANSWERS) {
                cuts.add(new Cut.AtAnswer(answer, 1 + random.nextInt(3), bytes));
            }
            cuts.add(new Cut.AtAnswer(SHUT, 1, bytes));
            cuts.add(new Cut.AtEndOfStream(bytes));
        }
        // Within the package and right behind it.
        cuts.add(new Cut.AtCommand(7, 1, 200));
        cuts.add(new Cut.AtCommand(7, 1, 2000));
        return cuts;
    }

    private static Cut anyFirstCut(SplittableRandom random) {
        return switch (random.nextInt(4)) {
            case 0 -> new Cut.AfterForwardBytes(random.nextLong(1, 18L << 20));
            case 1 -> new Cut.AfterBackwardBytes(random.nextLong(1, 4000));
            case 2 -> new Cut.AtCommand(7, 1, random.nextInt(1, 9000));
            default -> new Cut.AfterPreemptBytes(random.nextLong(1, 1 << 20));
        };
    }

    private static Cut recoveryCut(SplittableRandom random) {
        int bytesLater = random.nextInt(12);
        return switch (random.nextInt(10)) {
            case 0 -> new Cut.AtCommand(any(RECOVERY_COMMANDS, random), 1, bytesLater);
            case 1 -> new Cut.AtAnswer(any(RECOVERY_ANSWERS, random), 1, bytesLater);
            case 2 -> new Cut.AfterBackwardBytes(random.nextLong(1, 700));
            case 3 -> new Cut.AfterForwardBytes(random.nextLong(1, 100));
            case 4 -> new Cut.AfterPreemptBytes(random.nextLong(1, 20_000));
            case 5 -> new Cut.AtAnswer(SHUT, 1, bytesLater);
            default -> new Cut.AfterForwardBytes(random.nextLong(100, 2L << 20));
        };
    }

    private static int any(int[] kinds, SplittableRandom random) {
        return kinds[random.nextInt(kinds.length)];
    }

    /** One guest on its way. */
    private final class Moving {
        private final GuestKind kind;
        private final boolean preempt;
        private final int passes;
        private final Deque<Cut> plan;

        Moving(GuestKind kind, boolean preempt, int passes, Deque<Cut> plan) {
            this.kind = kind;
            this.preempt = preempt;
            this.passes = passes;
            this.plan = plan;
        }

        void toTheEnd(String what) throws Exception {
            try (Machine from = TestMachines.create(TestMachines.options(kind, GuestProgram.DIRTIER), Origin.BOOT);
                    Machine to =
                            TestMachines.create(TestMachines.options(kind, GuestProgram.DIRTIER), Origin.ARRIVAL)) {
                RunControl fromRun = new RunControl(from, new FileLockArbiter(locks), RunState.PRELAUNCH);
                RunControl toRun = new RunControl(to, new FileLockArbiter(locks), RunState.INMIGRATE);
                try (Migrator source = new Migrator(from, fromRun);
                        Migrator destination = new Migrator(to, toRun)) {
                    prepare(source, destination);
                    fromRun.cont();
                    GuestOwner owner = move(source, destination, what);
                    ends.merge(owner, 1, Integer::sum);
                    Machine winner = owner == GuestOwner.PEER ? to : from;
                    assertThat(fromRun.state() == RunState.RUNNING)
                            .as("%s: runs at the source", what)
                            .isEqualTo(owner == GuestOwner.HERE);
                    assertThat(toRun.state() == RunState.RUNNING)
                            .as("%s: runs at the destination", what)
                            .isEqualTo(owner == GuestOwner.PEER);
                    long work = winner.workPages();
                    TestMachines.await(() -> winner.workPages() > work + 2000, winner);
                    assertThat(winner.mismatches()).as(what).isZero();
                } finally {
                    fromRun.shutdown();
                    toRun.shutdown();
                }
            }
        }

        private void prepare(Migrator source, Migrator destination) {
            for (Migrator side : List.of(source, destination)) {
                side.setParameters(MigrationParameters.DEFAULTS
                        .with(MigrationParameter.MAX_BANDWIDTH, 0)
                        .with(MigrationParameter.DOWNTIME_LIMIT, 0)
                        .with(MigrationParameter.POSTCOPY_AFTER_PASSES, passes)
                        .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, PUSH_BYTES_PER_SECOND)
                        .with(MigrationParameter.HANDOVER_TIMEOUT, 2000)
                        .with(MigrationParameter.CONNECT_TIMEOUT, 2000));
                side.setCapability(Capability.POSTCOPY_RAM, true);
                side.setCapability(Capability.POSTCOPY_PREEMPT, preempt);
            }
        }

        private GuestOwner move(Migrator source, Migrator destination, String what) throws Exception {
            destination.migrateIncoming("tcp:127.0.0.1:0");
            CuttingWire wire = wire(destination, false);
            try {
                source.migrate(wire.uri());
                if (passes == 0) {
                    source.startPostcopy();
                }
                while (true) {
                    await(() -> isSettled(source), what, source, destination);
                    struck += wire.hasStruck() ? 1 : 0;
                    wire.close();
                    switch (source.statistics().status()) {
                        case COMPLETED -> {
                            await(() -> isOver(destination), what, source, destination);
                            return GuestOwner.PEER;
                        }
                        case FAILED -> {
                            return source.statistics().owner().orElseThrow();
                        }
                        default -> {}
                    }
                    recover(source, destination, what);
                    wire = wire(destination, true);
                    source.resume(wire.uri());
                }
            } finally {
                wire.close();
            }
        }

        /**
         * Asks the destination to wait for the source again. It may just be taking up a connection that the source has
         * given up already; then it is refused, and asked again when it has noticed.
         */
        private void recover(Migrator source, Migrator destination, String what) {
            while (true) {
                await(() -> isPausedOrOver(destination), what, source, destination);
                try {
                    destination.recover("tcp:127.0.0.1:0");
                    return;
                } catch (MigrationException.Refused e) {
                    assertThat(e).as(what).hasMessageContaining("migrate-recover is possible");
                }
            }
        }

        private CuttingWire wire(Migrator destination, boolean resumed) throws Exception {
            String uri = destination.statistics().listenAddress().orElseThrow();
            return new CuttingWire(uri, plan.isEmpty() ? new Cut.Never() : plan.remove(), resumed);
        }

        private static boolean isSettled(Migrator source) {
            MigrationStatus status = source.statistics().status();
            return status.isEnded() || status == MigrationStatus.POSTCOPY_PAUSED;
        }

        private static boolean isOver(Migrator destination) {
            return destination.statistics().status() == MigrationStatus.COMPLETED;
        }

        private static boolean isPausedOrOver(Migrator destination) {
            return isOver(destination) || destination.statistics().status() == MigrationStatus.POSTCOPY_PAUSED;
        }

        private void await(BooleanSupplier condition, String what, Migrator source, Migrator destination) {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!condition.getAsBoolean()) {
                MigrationStatistics out = source.statistics();
                MigrationStatistics in = destination.statistics();
                assertThat(System.nanoTime())
                        .as(
                                "%s, %s, preempt %s, %d cuts left: the source is %s (%s), the destination %s (%s)",
                                what, kind, preempt, plan.size(), out.status(), out.error(), in.status(), in.error())
                        .isLessThan(deadline);
                LockSupport.parkNanos(200_000);
            }
        }
    }
}
