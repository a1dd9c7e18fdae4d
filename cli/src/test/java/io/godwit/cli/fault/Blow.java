// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * What a relay does once, at a moment of the test's choice. Any thread.
 *
 * @param <M> how a moment is chosen
 * @param <H> what is known of what was hit
 */
final class Blow<M, H> {
    private record Armed<M>(M moment, Runnable action) {}

    private final AtomicReference<Optional<Armed<M>>> armed = new AtomicReference<>(Optional.empty());
    private final CompletableFuture<H> struck = new CompletableFuture<>();

    void arm(M moment, Runnable action) {
        armed.set(Optional.of(new Armed<>(moment, action)));
    }

    /** When it is to fall; empty before it is armed, and once it has fallen. */
    Optional<M> moment() {
        return armed.get().map(Armed::moment);
    }

    /** Falls, if it has not yet. */
    void fall(H hit) {
        Optional<Armed<M>> blow = armed.getAndSet(Optional.empty());
        if (blow.isPresent()) {
            try {
                blow.get().action().run();
                struck.complete(hit);
            } catch (RuntimeException | Error e) {
                struck.completeExceptionally(e);
            }
        }
    }

    /** Waits until it has fallen; {@code why} explains what is instead. */
    H await(Supplier<String> why) throws Exception {
        try {
            return struck.get(Host.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError(why.get(), e);
        }
    }
}
