// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.micro;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.kvm.KvmDirtyLog;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.kvm.KvmMachine;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Harvest of a 1 GiB guest by KVM's dirty log, beside the bare KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG that it
 * consists of.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class KvmHarvestBenchmark {
    private static final long BYTES = 1L << 30;
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int WARM_UPS = 1000;
    private static final long LOOK_NANOS = 1_000_000;

    /** What the guest has written since the last harvest. */
    @Param({"nothing", "everything"})
    public String written = "nothing";

    private final KvmMachine machine = KvmMachine.create(
            GuestOptions.defaults()
                    .withKind(GuestKind.KVM)
                    .withMemoryBytes(BYTES)
                    .withWorkload(new Workload(GuestProgram.STEPPER, 0, 0, WriteOrder.SWEEP, RamFill.ZERO, 0)),
            Origin.BOOT);
    private final RamBlock block =
            machine.ram().snapshot().find(Machine.RAM_BLOCK).orElseThrow();
    private final KvmDirtyLog log = machine.dirtyLog();

    /** Switches logging on, and has both ways compiled: a few single shots would measure the interpreter. */
    @Setup(Level.Trial)
    public void track() {
        machine.dirtyTracker().start();
        for (int i = 0; i < WARM_UPS; i++) {
            long _ = machine.dirtyTracker().harvest(block);
            log.fetch();
        }
    }

    /** Lets the guest write what is to be found; it stands still afterwards. */
    @Setup(Level.Invocation)
    public void write() {
        if (written.equals("everything")) {
            long enough = machine.workPages() + block.pageCount();
            machine.vcpus().resume();
            while (machine.workPages() < enough) {
                LockSupport.parkNanos(LOOK_NANOS);
            }
            machine.vcpus().pause(PATIENCE);
        } else {
            long _ = machine.dirtyTracker().harvest(block);
        }
        block.dirtyBitmap().clearAll();
    }

    /** Ends the guest. */
    @TearDown(Level.Trial)
    public void end() {
        log.close();
        machine.close();
    }

    /** What the engine does between two passes. */
    @Benchmark
    public long harvest() {
        return machine.dirtyTracker().harvest(block);
    }

    /** The system calls: the log is read, and where anything was written it is cleared, at once. */
    @Benchmark
    public long floorSystemCalls() {
        log.fetch();
        if (!written.equals("nothing")) {
            log.clear(0, log.wordCount());
        }
        return log.word(0);
    }
}
