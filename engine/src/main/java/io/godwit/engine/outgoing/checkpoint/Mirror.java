// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.checkpoint.CompareConnection;
import io.godwit.engine.environment.Environment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Lock;

/** Tells the secondary what the guest is asked; what comes before there is a connection waits for it. Any thread. */
final class Mirror {
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Request(long number, byte[] content) {}

    private final Lock lock;
    private final List<Request> waiting = new ArrayList<>();
    private Optional<CompareConnection> connection = Optional.empty();

    Mirror(Environment environment) {
        this.lock = environment.newLock();
    }

    void attach(CompareConnection to) {
        lock.lock();
        try {
            waiting.forEach(request -> to.request(request.number(), request.content()));
            waiting.clear();
            connection = Optional.of(to);
        } finally {
            lock.unlock();
        }
    }

    void request(long number, byte[] content) {
        lock.lock();
        try {
            if (connection.isPresent()) {
                connection.get().request(number, content);
            } else {
                waiting.add(new Request(number, content));
            }
        } finally {
            lock.unlock();
        }
    }
}
