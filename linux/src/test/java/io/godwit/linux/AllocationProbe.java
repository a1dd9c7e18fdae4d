// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux;

import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.EventSignal;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.io.Polling;
import io.godwit.linux.io.Sockets;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.PagemapScan;
import io.godwit.linux.memory.Support;
import io.godwit.linux.process.CpuTime;

/**
 * Does the data plane's work for so many pages that even 16 bytes for each would fill the heap. Runs with a collector
 * that never frees anything.
 */
public final class AllocationProbe {
    private static final int PAGE = NativeMemory.PAGE_BYTES;
    private static final int BATCH = 64;
    private static final long LIMIT_NANOS = 1_000_000_000L;
    private static final int ROUNDS = 100_000;

    private AllocationProbe() {}

    /** Ends with status 0 if the heap sufficed. */
    public static void main(String[] arguments) {
        try (NativeMemory from = NativeMemory.allocate(2L * BATCH * PAGE);
                NativeMemory to = NativeMemory.allocate(2L * BATCH * PAGE);
                IoVector out = new IoVector(BATCH);
                IoVector in = new IoVector(BATCH);
                Polling polling = new Polling();
                EventSignal stop = new EventSignal();
                PagemapScan scan = new PagemapScan(BATCH);
                Sockets.Pair pair = Sockets.pair()) {
            boolean scans = PagemapScan.support() instanceof Support.Available;
            from.fillRandom(0, from.byteLength(), 1);
            long seen = 0;
            for (int round = 0; round < ROUNDS; round++) {
                seen += pages(from, to);
                seen += transfer(from, to, pair, out, in);
                seen += polling.awaitWritable(pair.first(), stop, LIMIT_NANOS) == Polling.Outcome.READY ? 1 : 0;
                seen += CpuTime.threadNanos();
                seen += scans ? scan.scanPopulated(from.address(), from.address() + from.byteLength()) : 0;
            }
            System.out.println("done " + seen);
        }
    }

    private static long pages(NativeMemory from, NativeMemory to) {
        long seen = 0;
        for (int page = 0; page < BATCH; page++) {
            long at = 2L * page * PAGE;
            seen += from.isZero(at, PAGE) ? 1 : from.hash(at, 64);
            NativeMemory.copy(from, at, to, at, 64);
            NativeMemory.copyByDowncall(from, at, to, at, 64);
            to.putLongByDowncall(at, from.getLongByDowncall(at));
        }
        return seen;
    }

    private static long transfer(NativeMemory from, NativeMemory to, Sockets.Pair pair, IoVector out, IoVector in) {
        out.clear();
        in.clear();
        for (int page = 0; page < BATCH; page++) {
            out.add(from, 2L * page * PAGE, 16);
            in.add(to, 2L * page * PAGE, 16);
        }
        Descriptor sender = pair.first();
        Descriptor receiver = pair.second();
        long written = sender.writeVector(out);
        return written + receiver.readVector(in) + receiver.read(to, 0, 1) + receiver.availableBytes();
    }
}
