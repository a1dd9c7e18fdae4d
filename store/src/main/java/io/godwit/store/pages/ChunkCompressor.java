// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import io.godwit.store.StoreException;
import io.godwit.store.objects.SealedForm;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Compresses chunks on threads of its own, while the writer hashes the next pages. As many chunks are under way as
 * there are {@link Work} objects; who wants one more waits.
 */
final class ChunkCompressor implements AutoCloseable {
    /** Level 1 saves what level 3 does but for one part in fifty, in two thirds of the time (docs/store.md). */
    private static final int LEVEL = 1;

    private static final int CHUNKS_PER_THREAD = 4;

    private final ExecutorService threads;
    private final ChunkDensity density = new ChunkDensity();
    private final List<Work> all = new ArrayList<>();
    private final BlockingQueue<Work> idle;

    /** With a number of threads, at least 1. */
    ChunkCompressor(int threadCount) {
        AtomicInteger number = new AtomicInteger();
        threads = Executors.newFixedThreadPool(
                threadCount,
                task -> Thread.ofPlatform()
                        .name("store-compress-" + number.incrementAndGet())
                        .daemon()
                        .unstarted(task));
        int count = threadCount * CHUNKS_PER_THREAD + 1;
        idle = new ArrayBlockingQueue<>(count);
        for (int i = 0; i < count; i++) {
            all.add(new Work());
        }
        idle.addAll(all);
    }

    /** One with a thread for each processor but one. */
    static ChunkCompressor forThisMachine() {
        return new ChunkCompressor(Math.max(1, Runtime.getRuntime().availableProcessors() - 1));
    }

    /** A chunk on its way: its pages, then its frame. */
    static final class Work {
        final byte[] pages = new byte[PackDirectory.CHUNK_BYTES];
        private final byte[] compressed = new byte[(int) Zstd.compressBound(PackDirectory.CHUNK_BYTES)];
        private final ZstdCompressCtx context = new ZstdCompressCtx().setLevel(LEVEL);
        private int byteLength;
        private byte form;
        private int crc;

        /** Compresses the first {@code plainBytes} of the pages. */
        private Work compress(int plainBytes) {
            byteLength = context.compressByteArray(compressed, 0, compressed.length, pages, 0, plainBytes);
            form = PackDirectory.ZSTD;
            if (byteLength > plainBytes - plainBytes / 32) {
                form = PackDirectory.PLAIN;
                byteLength = plainBytes;
            }
            crc = SealedForm.crc(frame(), 0, byteLength);
            return this;
        }

        /** Leaves the first {@code plainBytes} of the pages as they are. */
        private Work leave(int plainBytes) {
            form = PackDirectory.PLAIN;
            byteLength = plainBytes;
            crc = SealedForm.crc(pages, 0, plainBytes);
            return this;
        }

        byte[] frame() {
            return form == PackDirectory.PLAIN ? pages : compressed;
        }

        int byteLength() {
            return byteLength;
        }

        byte form() {
            return form;
        }

        int crc() {
            return crc;
        }
    }

    /** Room for the next chunk, if there is any at once; else the caller finishes an older one first. */
    boolean hasRoom() {
        return !idle.isEmpty();
    }

    /** Takes room for the next chunk. */
    Work room() {
        Work work = idle.poll();
        if (work == null) {
            throw new IllegalStateException("Every chunk is under way.");
        }
        return work;
    }

    /** Begins to compress a chunk, unless that would be in vain as far as one can see. */
    Future<Work> begin(Work work, int plainBytes) {
        if (density.isInVain(work.pages, plainBytes)) {
            return CompletableFuture.completedFuture(work.leave(plainBytes));
        }
        return threads.submit(() -> work.compress(plainBytes));
    }

    /** Waits for a chunk's frame. */
    static Work await(Future<Work> begun) {
        try {
            return begun.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new StoreException("The writing of the store was interrupted.", e);
        } catch (ExecutionException e) {
            throw new StoreException("A chunk of pages could not be compressed: " + e.getCause() + ".", e);
        }
    }

    /** A chunk's frame has been written. */
    void giveBack(Work work) {
        density.hear(work.form == PackDirectory.ZSTD);
        idle.add(work);
    }

    /** Takes back what was not used. */
    void giveBackUnused(Work work) {
        idle.add(work);
    }

    @Override
    public void close() {
        // Waits for the chunks that are being compressed, some hundred microseconds each: they use the contexts.
        threads.close();
        all.forEach(work -> work.context.close());
    }
}
