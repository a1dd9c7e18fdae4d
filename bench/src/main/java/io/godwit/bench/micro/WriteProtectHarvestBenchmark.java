// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.micro;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.tracking.WriteProtectTracker;
import io.godwit.linux.memory.Advice;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.PagemapScan;
import java.util.List;
import java.util.concurrent.TimeUnit;
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

/** Harvest of 1 GiB by write protection, beside the bare PAGEMAP_SCAN that it consists of. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class WriteProtectHarvestBenchmark {
    private static final long BYTES = 1L << 30;
    private static final int WARM_UPS = 1000;

    /** What was written since the last harvest: nothing, every page, or every second one, which is the most regions. */
    @Param({"nothing", "everything", "alternate"})
    public String written = "nothing";

    private final NativeMemory memory = NativeMemory.mapAnonymous(BYTES);
    private final RamBlock block = new RamBlock("ram", memory);
    private final WriteProtectTracker tracker = new WriteProtectTracker(new RamBlocks(List.of(block)));
    private final PagemapScan scan = new PagemapScan((int) (BYTES / RamBlock.PAGE_BYTES / 2));

    /** Gives the memory pages of its own and protects it, and has both ways compiled. */
    @Setup(Level.Trial)
    public void protect() {
        memory.advise(0, BYTES, Advice.HUGEPAGE);
        memory.fill(0, BYTES, (byte) 1);
        tracker.start();
        for (int i = 0; i < WARM_UPS; i++) {
            long _ = tracker.harvest(block);
            int _ = scan.scan(memory.address(), memory.address() + BYTES);
        }
    }

    /** Writes what is to be found. */
    @Setup(Level.Invocation)
    public void write() {
        long _ = tracker.harvest(block);
        block.dirtyBitmap().clearAll();
        long step = switch (written) {
            case "everything" -> 1;
            case "alternate" -> 2;
            default -> block.pageCount();
        };
        for (long page = step == block.pageCount() ? step : 0; page < block.pageCount(); page += step) {
            memory.putByte(page * RamBlock.PAGE_BYTES, (byte) page);
        }
    }

    /** Ends tracking. */
    @TearDown(Level.Trial)
    public void end() {
        tracker.stop();
        scan.close();
        memory.close();
    }

    /** What the engine does between two passes. */
    @Benchmark
    public long harvest() {
        return tracker.harvest(block);
    }

    /** The system call, with room for all regions at once. */
    @Benchmark
    public long floorSystemCall() {
        return scan.scan(memory.address(), memory.address() + BYTES);
    }
}
