// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The end of a stream to which nobody answers. The guest stands still until a command has ended or a file is closed,
 * and a command may take its time, a file system may hang. So the thread {@code mig-finish} waits for that, and this
 * waits for the thread, but not for ever.
 */
public final class StreamEnd {
    private static final long LOOK_UP_MILLIS = 20;

    private StreamEnd() {}

    /**
     * Waits until the channel has finished. If it does not in time, its thread ends with the channel's abort, or as
     * soon as the kernel lets it go.
     *
     * @param millis how long at most
     * @throws MigrationException.Transport if it did not work out, took too long, or {@code abort} was raised
     */
    public static void await(Channel channel, AbortSignal abort, long millis, MonotonicClock clock) {
        FutureTask<Boolean> finish = new FutureTask<>(channel::finish, true);
        long begin = clock.nanoTime();
        Thread _ = Thread.ofPlatform().name("mig-finish").daemon().start(finish);
        while (!isDone(finish)) {
            if (abort.isRaised()) {
                throw new MigrationException.Transport(abort.reason());
            }
            if (clock.nanoTime() - begin > TimeUnit.MILLISECONDS.toNanos(millis)) {
                throw new MigrationException.Transport(channel.peer() + " has got the whole guest, and has not ended"
                        + " within " + millis + " ms (x-handover-timeout). What it has kept may be whole:"
                        + " start no guest from that while this one lives");
            }
        }
    }

    private static boolean isDone(FutureTask<Boolean> finish) {
        try {
            return finish.get(LOOK_UP_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException _) {
            return false;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof MigrationException told) {
                throw told;
            }
            throw new MigrationException.Transport(MigrationException.sentence(e), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        }
    }
}
