// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import io.godwit.engine.guest.SwitchoverRehearsal;
import io.godwit.engine.memory.RamBlock;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.programs.BootArea;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;

/**
 * Runs a small guest for a moment and throws it away, so that the paths which count when a guest stands still (enter, beat, kick,
 * pause, harvest, save, load) are linked and compiled before the real guest uses them. A JVM links a native call on its first use,
 * which takes milliseconds.
 */
final class WarmUp {
    private static final long WORKING_SET = 1L << 20;
    private static final int ROUNDS = 60;
    private static final long BEATS_A_ROUND = 40;
    private static final Duration DEADLINE = Duration.ofSeconds(2);

    // LIMIT: on a machine that is too busy it ends early: warming up is a favour, not a promise.
    private static final long PATIENCE_NANOS = 500_000_000;

    private WarmUp() {}

    static void of(GuestKind kind) {
        Workload workload = new Workload(GuestProgram.DIRTIER, WORKING_SET, 0, WriteOrder.RANDOM, RamFill.ZERO, 0);
        GuestOptions options = new GuestOptions(kind, 2 * BootArea.GRANULE, 1, workload, UUID.randomUUID());
        long end = System.nanoTime() + PATIENCE_NANOS;
        try (Machine machine = Machines.boot(options)) {
            SwitchoverRehearsal.with(machine);
            RamBlock ram = machine.ram().snapshot().blocks().getFirst();
            for (int round = 0; round < ROUNDS && System.nanoTime() - end < 0; round++) {
                machine.dirtyTracker().start();
                machine.vcpus().resume();
                awaitBeats(machine, machine.heartbeats().count() + BEATS_A_ROUND, end);
                long _ = machine.dirtyTracker().harvest(ram);
                machine.vcpus().pause(DEADLINE);
                machine.dirtyTracker().stop();
                // Paced in the second half: waiting for a tick is another path.
                machine.pagesPerSecond(round < ROUNDS / 2 ? 0 : BootArea.MAX_PAGES_PER_SECOND);
            }
        }
    }

    private static void awaitBeats(Machine machine, long count, long end) {
        while (machine.heartbeats().count() < count && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(BootArea.TICK_NANOS);
        }
    }
}
