// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;

/**
 * Moves small throw-away guests by postcopy between two hosts in this process, most of their pages by faults, so that
 * the way of a fault is linked and compiled on both sides before a guest of worth waits for one.
 */
final class PostcopyWarmUp {
    private static final System.Logger LOG = System.getLogger(PostcopyWarmUp.class.getName());
    private static final Set<Capability> CAPABILITIES = Set.of(Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT);

    // LIMIT: 3,584 pages to step over: a fault takes 0.1 ms, so that a move is over in half a second even if most are
    // faults.
    private static final long MEMORY = 16L << 20;
    private static final int BEATS_OF_A_SWEEP = 28;
    private static final int MOVES = 3;
    private static final long PUSH_BYTES_PER_SECOND = 4L << 20;
    private static final Duration DEADLINE = Duration.ofSeconds(2);

    // LIMIT: on a machine that is too busy it ends early: warming up is a favour, not a promise.
    private static final long PATIENCE_NANOS = 600_000_000;

    private PostcopyWarmUp() {}

    static void of(GuestKind kind, BiFunction<GuestOptions, Origin, Machine> maker) {
        Workload all = new Workload(GuestProgram.STEPPER, 0, 0, WriteOrder.RANDOM, RamFill.RANDOM, 0);
        GuestOptions options = GuestOptions.defaults()
                .withKind(kind)
                .withMemoryBytes(MEMORY)
                .withWorkload(all)
                .withUuid(UUID.randomUUID());
        long end = System.nanoTime() + PATIENCE_NANOS;
        try {
            for (int i = 0; i < MOVES && System.nanoTime() - end < 0; i++) {
                if (!move(maker, options, end)) {
                    return;
                }
            }
        } catch (RuntimeException e) {
            // A host that cannot do it is refused when it is asked to, with the reason.
            LOG.log(System.Logger.Level.DEBUG, "no way to rehearse postcopy: the first faults will be slower", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** One move; after {@code end} what is missing comes by itself. Whether it came to its end. */
    private static boolean move(BiFunction<GuestOptions, Origin, Machine> maker, GuestOptions options, long end)
            throws InterruptedException {
        try (Machine from = maker.apply(options, Origin.BOOT);
                Machine to = maker.apply(options, Origin.ARRIVAL)) {
            RunControl fromRun = new RunControl(from, new NoArbiter(), RunState.PRELAUNCH);
            RunControl toRun = new RunControl(to, new NoArbiter(), RunState.INMIGRATE);
            try (Migrator source = new Migrator(from, fromRun);
                    Migrator destination = new Migrator(to, toRun)) {
                MigrationParameters unlimited = source.parameters().with(MigrationParameter.MAX_BANDWIDTH, 0);
                source.setParameters(unlimited.with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, PUSH_BYTES_PER_SECOND));
                source.setCapabilities(CAPABILITIES, Set.of());
                destination.setCapabilities(CAPABILITIES, Set.of());
                destination.migrateIncoming("tcp:127.0.0.1:0");
                fromRun.cont();
                source.migrate(destination.statistics().listenAddress().orElseThrow());
                source.startPostcopy();
                awaitFaults(source, to, end);
                source.setParameters(unlimited);
                return source.awaitEnd(DEADLINE) && destination.awaitEnd(DEADLINE);
            } finally {
                fromRun.shutdown();
                toRun.shutdown();
            }
        }
    }

    /** Lets the guest step over all of its memory once. */
    private static void awaitFaults(Migrator source, Machine to, long end) {
        while (System.nanoTime() - end < 0
                && !source.statistics().status().isEnded()
                && source.statistics().status() != MigrationStatus.POSTCOPY_PAUSED
                && to.heartbeats().count() < BEATS_OF_A_SWEEP) {
            LockSupport.parkNanos(BootLayout.TICK_NANOS);
        }
    }
}
