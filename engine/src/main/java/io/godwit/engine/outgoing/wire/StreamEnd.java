// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The end of a stream to which nobody answers. The guest stands still until a command has ended or a file is closed,
 * and a command may take its time, a file system may hang. So the thread {@code mig-finish} waits for that, and {@code
 * mig-outgoing} for the thread, but not for ever.
 */
public final class StreamEnd {
    private static final Duration LOOK_UP = Duration.ofMillis(20);

    private final Channel channel;
    private final AbortSignal abort;
    private volatile Optional<MigrationException> failure = Optional.empty();

    /** The end of what was written to a channel; {@code abort} ends the waits for it. */
    public StreamEnd(Channel channel, AbortSignal abort) {
        this.channel = channel;
        this.abort = abort;
    }

    /**
     * Waits until the channel has finished. If it does not in time, its thread ends with the channel's abort, or as
     * soon as the kernel lets it go.
     *
     * @param millis how long at most
     * @throws MigrationException.Transport if it did not work out, took too long, or the abort was raised
     */
    public void await(long millis, Environment environment) {
        long begin = environment.clock().nanoTime();
        Worker worker = environment.start(ThreadRole.FINISH, this::finish);
        while (!hasEnded(worker)) {
            if (abort.isRaised()) {
                throw new MigrationException.Transport(abort.reason());
            }
            if (environment.clock().nanoTime() - begin > TimeUnit.MILLISECONDS.toNanos(millis)) {
                throw new MigrationException.Transport(channel.peer() + " has got the whole guest, and has not ended"
                        + " within " + millis + " ms (x-handover-timeout). What it has kept may be whole:"
                        + " start no guest from that while this one lives");
            }
        }
        failure.ifPresent(told -> {
            throw told;
        });
    }

    private void finish() {
        try {
            channel.finish();
        } catch (MigrationException e) {
            failure = Optional.of(e);
        } catch (RuntimeException | Error e) {
            failure = Optional.of(new MigrationException.Transport(MigrationException.sentence(e), e));
        }
    }

    private static boolean hasEnded(Worker worker) {
        try {
            return worker.awaitEnd(LOOK_UP);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        }
    }
}
