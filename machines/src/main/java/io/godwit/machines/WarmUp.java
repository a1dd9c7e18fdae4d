// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.HostPages;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;

/**
 * Runs a small guest for a moment, migrates another one back and forth between two hosts in this process, and throws
 * them away, so that the paths which count when a guest stands still (enter, beat, kick, pause, harvest, save, hand
 * over, load, start) are linked and compiled before the real guest uses them. A JVM links a call or a lambda on its
 * first use, which takes milliseconds.
 */
final class WarmUp {
    private static final System.Logger LOG = System.getLogger(WarmUp.class.getName());
    private static final long WORKING_SET = 1L << 20;
    private static final int ROUNDS = 60;
    private static final int MOVES = 12;
    private static final long BEATS_A_ROUND = 40;

    // The compiler takes a loop for good after some 40,000 rounds, and what sends and places a page comes by once a
    // page.
    private static final long PAGES = 60_000;
    private static final long NOISE_BYTES = 32L << 20;
    private static final Duration DEADLINE = Duration.ofSeconds(2);

    // LIMIT: on a machine that is too busy it ends early: warming up is a favour, not a promise.
    private static final long PATIENCE_NANOS = 400_000_000;
    private static final long NOISE_PATIENCE_NANOS = 1_000_000_000;

    private WarmUp() {}

    static void of(GuestKind kind, BiFunction<GuestOptions, Origin, Machine> maker) {
        Workload workload = new Workload(GuestProgram.DIRTIER, WORKING_SET, 0, WriteOrder.RANDOM, RamFill.ZERO, 0);
        GuestOptions options =
                new GuestOptions(kind, 2 * BootLayout.GRANULE, 0, HostPages.ORDINARY, 1, workload, UUID.randomUUID());
        run(maker, options, System.nanoTime() + PATIENCE_NANOS);
        move(maker, options, System.nanoTime() + PATIENCE_NANOS);
    }

    /** Has all pages sent again and again. */
    private static void dwell(Migrator source, Machine from, long until) {
        RamBlock ram = from.ram().snapshot().blocks().getFirst();
        while (until != 0 && !isOver(source, until)) {
            ram.dirtyBitmap().setAll();
            LockSupport.parkNanos(BootLayout.TICK_NANOS);
        }
    }

    private static boolean isOver(Migrator source, long end) {
        return source.statistics().ram().normalPages() > PAGES || System.nanoTime() - end >= 0;
    }

    private static void run(BiFunction<GuestOptions, Origin, Machine> maker, GuestOptions options, long end) {
        try (Machine machine = maker.apply(options, Origin.BOOT)) {
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            for (int round = 0; round < ROUNDS && System.nanoTime() - end < 0; round++) {
                machine.dirtyTracker().start();
                machine.vcpus().resume();
                awaitBeats(machine, machine.heartbeats().count() + BEATS_A_ROUND, end);
                long _ = machine.dirtyTracker().harvest(ram);
                machine.vcpus().pause(DEADLINE);
                machine.dirtyTracker().stop();
                // Paced in the second half: waiting for a tick is another path.
                machine.pagesPerSecond(round < ROUNDS / 2 ? 0 : BootLayout.MAX_PAGES_PER_SECOND);
            }
        }
    }

    private static void awaitBeats(Machine machine, long count, long end) {
        while (machine.heartbeats().count() < count && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(BootLayout.TICK_NANOS);
        }
    }

    private static void move(BiFunction<GuestOptions, Origin, Machine> maker, GuestOptions options, long end) {
        Workload noise = new Workload(GuestProgram.IDLE, 0, 0, WriteOrder.SWEEP, RamFill.RANDOM, 0);
        try {
            for (int i = 0; i < MOVES && System.nanoTime() - end < 0; i++) {
                moveOnce(maker, options, 0);
            }
            moveOnce(
                    maker,
                    options.withWorkload(noise).withMemoryBytes(NOISE_BYTES),
                    System.nanoTime() + NOISE_PATIENCE_NANOS);
        } catch (MigrationException e) {
            LOG.log(System.Logger.Level.DEBUG, "no way to rehearse a migration: the first one will be slower", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** One move; before {@code dwellUntil} it does not end, unless it has sent enough pages. */
    private static void moveOnce(BiFunction<GuestOptions, Origin, Machine> maker, GuestOptions options, long dwellUntil)
            throws InterruptedException {
        try (Machine from = maker.apply(options, Origin.BOOT);
                Machine to = maker.apply(options, Origin.ARRIVAL)) {
            RunControl fromRun = new RunControl(from, new NoArbiter(), RunState.PRELAUNCH);
            RunControl toRun = new RunControl(to, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator source = new Migrator(from, fromRun);
                    Migrator destination = new Migrator(to, toRun)) {
                destination.setVerifying(true);
                destination.migrateIncoming("tcp:127.0.0.1:0");
                String uri = destination.statistics().listenAddress().orElseThrow();
                fromRun.cont();
                MigrationParameters limits = source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 0);
                source.setParameters(dwellUntil == 0 ? limits : limits.with(MigrationParameter.DOWNTIME_LIMIT, 0));
                source.migrate(uri);
                dwell(source, from, dwellUntil);
                source.setParameters(limits);
                boolean _ = source.awaitEnd(DEADLINE) && destination.awaitEnd(DEADLINE);
            } finally {
                fromRun.shutdown();
                toRun.shutdown();
            }
        }
    }
}
