// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import io.godwit.store.StoreException;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Makes one full pack last on a thread of its own, while the next one is written. That waits for the disk, or for a
 * bucket. One thread calls.
 */
final class PackSettler implements AutoCloseable {
    private final ExecutorService thread = Executors.newSingleThreadExecutor(
            task -> Thread.ofPlatform().name("store-settle").daemon().unstarted(task));
    private Optional<PackWriter> pack = Optional.empty();
    private Optional<Future<PackWriter.Finished>> finished = Optional.empty();

    /** Begins with a pack whose chunks have all been written; the one before has been awaited. */
    void begin(PackWriter next) {
        pack = Optional.of(next);
        finished = Optional.of(thread.submit(next::finish));
    }

    /** The pack that may not last yet; its ids may be read. */
    Optional<PackWriter> pack() {
        return pack;
    }

    /**
     * Waits until it lasts; empty if there is none.
     *
     * @throws StoreException if it cannot be made to last
     */
    Optional<PackWriter.Finished> await() {
        if (finished.isEmpty()) {
            return Optional.empty();
        }
        try {
            PackWriter.Finished last = finished.get().get();
            forget();
            return Optional.of(last);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new StoreException("The writing of the store was interrupted.", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof StoreException known
                    ? known
                    : new StoreException("A pack of pages could not be finished: " + e.getCause() + ".", e);
        }
    }

    private void forget() {
        pack.ifPresent(PackWriter::close);
        pack = Optional.empty();
        finished = Optional.empty();
    }

    /** Waits for a pack that is being finished, whatever becomes of it. */
    @Override
    public void close() {
        thread.close();
        forget();
    }
}
