// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.micro;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.Sockets;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Sending 64 MiB of random pages with their heads, gathered from guest memory, into a pair of sockets that another
 * thread drains.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class BatchSendBenchmark {
    private static final int BYTES = 64 << 20;
    private static final int WRITE_BYTES = 1 << 20;
    private static final int BATCH_PAGES = 448;
    private static final int HEADER_BYTES = 16 * BATCH_PAGES;
    private static final long SEED = 0x676f_6477_6974L;

    private final NativeMemory memory = NativeMemory.mapAnonymous(BYTES);
    private final NativeMemory heads = NativeMemory.allocate(HEADER_BYTES);
    private final NativeMemory sink = NativeMemory.allocate(WRITE_BYTES);
    private final ByteBuffer headBuffer = heads.buffer(0, HEADER_BYTES);
    private final IoVector vector = new IoVector(2 * BATCH_PAGES);
    private final PageRecordWriter records = new PageRecordWriter(List.of(RamBlockEntry.of("ram", BYTES)));
    private final EventSignal stop = new EventSignal();
    private final Polling polling = new Polling();
    private final Sockets.Pair sockets = Sockets.pair();
    private final Thread drain = new Thread(this::drain, "drain");

    /** Fills the memory and starts the thread that drains. */
    @Setup(Level.Trial)
    public void start() {
        memory.fillRandom(0, BYTES, SEED);
        drain.start();
    }

    /** Ends it. */
    @TearDown(Level.Trial)
    public void end() throws InterruptedException {
        stop.raise();
        sockets.first().shutdown();
        drain.join();
        sockets.close();
        polling.close();
        stop.close();
        vector.close();
        heads.close();
        sink.close();
        memory.close();
    }

    /** As the engine does: a test for zero, a head and the page, many pages for each call. */
    @Benchmark
    public long batchSend() {
        long pages = BYTES / RamBlock.PAGE_BYTES;
        for (long first = 0; first < pages; first += BATCH_PAGES) {
            headBuffer.clear();
            vector.clear();
            for (long page = first; page < Math.min(pages, first + BATCH_PAGES); page++) {
                long offset = page * RamBlock.PAGE_BYTES;
                if (!memory.isZero(offset, RamBlock.PAGE_BYTES)) {
                    int at = headBuffer.position();
                    int length = records.pageHeader(headBuffer, 0, offset);
                    vector.add(heads, at, length);
                    vector.add(memory, offset, RamBlock.PAGE_BYTES);
                }
            }
            while (vector.remainingBytes() > 0) {
                awaitRoom(sockets.first().writeVector(vector));
            }
        }
        return pages;
    }

    /** The same bytes but for the heads, 1 MiB for each write. */
    @Benchmark
    public long floorPlainWrites() {
        for (int at = 0; at < BYTES; ) {
            int written = sockets.first().write(memory, at, Math.min(WRITE_BYTES, BYTES - at));
            awaitRoom(written);
            at += written;
        }
        return BYTES;
    }

    private void awaitRoom(long written) {
        if (written == 0) {
            Polling.Outcome _ = polling.awaitWritable(sockets.first(), stop, Polling.FOREVER_NANOS);
        }
    }

    private void drain() {
        Descriptor from = sockets.second();
        try (Polling waiting = new Polling()) {
            for (int n = 0; n >= 0; n = from.read(sink, 0, WRITE_BYTES)) {
                if (n == 0) {
                    Polling.Outcome _ = waiting.awaitReadable(from, stop, Polling.FOREVER_NANOS);
                }
            }
        }
    }
}
