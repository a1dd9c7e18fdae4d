// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.micro;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
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

/**
 * The zero test of every page of memory that is all zero, the costly case: from RAM (256 MiB) and from the cache (256
 * KiB).
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class ZeroTestBenchmark {
    /** How much memory. */
    @Param({"256", "262144"})
    public int kibibytes = 256;

    private NativeMemory memory = NativeMemory.allocate(RamBlock.PAGE_BYTES);
    private NativeMemory zeroPage = NativeMemory.allocate(RamBlock.PAGE_BYTES);
    private long byteLength;

    /** Maps the memory; written once, so that the pages are real ones and not the kernel's zero page. */
    @Setup(Level.Trial)
    public void map() {
        byteLength = (long) kibibytes << 10;
        memory.close();
        memory = NativeMemory.mapAnonymous(byteLength);
        memory.fill(0, byteLength, (byte) 1);
        memory.fill(0, byteLength, (byte) 0);
        zeroPage.fill(0, RamBlock.PAGE_BYTES, (byte) 0);
    }

    /** Unmaps it. */
    @TearDown(Level.Trial)
    public void unmap() {
        memory.close();
        zeroPage.close();
    }

    /** What the sender does. */
    @Benchmark
    public long zeroTest() {
        long zero = 0;
        for (long offset = 0; offset < byteLength; offset += RamBlock.PAGE_BYTES) {
            zero += memory.isZero(offset, RamBlock.PAGE_BYTES) ? 1 : 0;
        }
        return zero;
    }

    /** Reads every word and does nothing with it but add. */
    @Benchmark
    public long floorRead() {
        long sum = 0;
        for (long offset = 0; offset < byteLength; offset += Long.BYTES) {
            sum += memory.getLong(offset);
        }
        return sum;
    }

    /** Compares with a zero page that stays in the cache, as memcmp(3) would. */
    @Benchmark
    public long compareWithZeroPage() {
        long zero = 0;
        for (long offset = 0; offset < byteLength; offset += RamBlock.PAGE_BYTES) {
            zero += NativeMemory.mismatch(memory, offset, zeroPage, 0, RamBlock.PAGE_BYTES) < 0 ? 1 : 0;
        }
        return zero;
    }
}
