// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.testkit.wire.SwallowingChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Nobody waits for ever for who reads a stream and does not answer. By a clock that each look at it moves. */
class StreamEndTest {
    private final AbortSignal abort = new AbortSignal();
    private final CountDownLatch hangs = new CountDownLatch(1);
    private final CountDownLatch began = new CountDownLatch(1);
    private final AtomicReference<Thread> finishing = new AtomicReference<>();
    private final AtomicLong now = new AtomicLong();
    private final Channel hanging = channel(() -> {
        finishing.set(Thread.currentThread());
        began.countDown();
        awaitEndOfHanging();
    });

    @AfterEach
    void close() {
        hangs.countDown();
        abort.close();
    }

    private static Channel channel(Runnable onFinish) {
        return new SwallowingChannel(() -> {}, _ -> {}, onFinish);
    }

    private void awaitEndOfHanging() {
        try {
            hangs.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void await(Channel channel, long millis) {
        new StreamEnd(channel, abort).await(millis, Environment.of(() -> now.addAndGet(100_000_000)));
    }

    @Test
    void aChannelThatFinishesIsAllThereIs() {
        assertThatCode(() -> await(channel(() -> {}), 1_000_000)).doesNotThrowAnyException();
    }

    @Test
    void whatWentWrongIsTold() {
        Channel failing = channel(() -> {
            throw new MigrationException.Transport("status 3");
        });
        assertThatThrownBy(() -> await(failing, 1_000_000))
                .isInstanceOf(MigrationException.Transport.class)
                .hasMessage("status 3");
    }

    @Test
    void oneThatNeverFinishesIsGivenUpAndItsThreadEndsWithIt() throws Exception {
        assertThatThrownBy(() -> await(hanging, 500))
                .isInstanceOf(MigrationException.Transport.class)
                .hasMessageContainingAll("whole guest", "500 ms", "may be whole");
        began.await();
        hangs.countDown();
        finishing.get().join();
    }

    @Test
    void anAbortEndsTheWait() {
        abort.raise("cancelled");
        assertThatThrownBy(() -> await(hanging, 1_000_000))
                .isInstanceOf(MigrationException.Transport.class)
                .hasMessage("cancelled");
    }
}
