// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.incoming.wire.ReturnPathOut;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Where page requests go: to the source, while one is connected. What cannot be sent stays marked in its {@link
 * ArrivingBlock} and is asked for again with the next connection.
 *
 * <p>Threads: any.
 */
public final class RequestSender {
    private record Target(ReturnPathOut returnPath, Consumer<Throwable> broken) {}

    private volatile Optional<Target> target = Optional.empty();

    /** From now on requests go there; {@code broken} hears of an error, once or more often, and must return at once. */
    public void attach(ReturnPathOut returnPath, Consumer<Throwable> broken) {
        target = Optional.of(new Target(returnPath, broken));
    }

    /** The connection is lost. */
    public void detach() {
        target = Optional.empty();
    }

    /** Asks for a host page; whether the request has been written. */
    boolean ask(ArrivingBlock block, long hostPage) {
        Optional<Target> now = target;
        if (now.isEmpty()) {
            return false;
        }
        try {
            now.get().returnPath().requestPage(block.index(), hostPage * block.hostPageBytes(), block.hostPageBytes());
            return true;
        } catch (RuntimeException e) {
            now.get().broken().accept(e);
            return false;
        }
    }

    /** Asks again for all that was asked for and has not come. Returns how many that was. */
    long repeat(ArrivingMemory memory, FaultLog log, MonotonicClock clock) {
        long repeated = 0;
        for (ArrivingBlock block : memory.blocks()) {
            for (long page = 0; page < block.hostPageCount(); page++) {
                if (block.isAwaited(page) && ask(block, page)) {
                    log.requested(block.hostPageAddress(page), clock.nanoTime());
                    repeated++;
                }
            }
        }
        return repeated;
    }

    /** Something else has gone wrong that the connection cannot go on with. */
    void fail(Throwable cause) {
        target.ifPresent(now -> now.broken().accept(cause));
    }
}
