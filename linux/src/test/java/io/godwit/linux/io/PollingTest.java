// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.process.Threads;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class PollingTest {
    private static final long NOT_SOON_NANOS = 3_600_000_000_000L;

    private final Polling polling = new Polling();
    private final EventSignal stop = new EventSignal();
    private final Sockets.Pair pair = Sockets.pair();
    private final NativeMemory memory = NativeMemory.allocate(10);

    @AfterEach
    void close() {
        polling.close();
        stop.close();
        pair.close();
        memory.close();
    }

    @Test
    void bytesMakeADescriptorReady() {
        assertThat(polling.awaitReadable(pair.first(), stop, 0)).isEqualTo(Polling.Outcome.TIMED_OUT);
        assertThat(polling.awaitWritable(pair.first(), stop, 0)).isEqualTo(Polling.Outcome.READY);
        pair.second().write(memory, 0, 1);
        assertThat(polling.awaitReadable(pair.first(), stop, NOT_SOON_NANOS)).isEqualTo(Polling.Outcome.READY);
        assertThat(polling.awaitReadable(pair.first(), stop, Polling.FOREVER_NANOS))
                .isEqualTo(Polling.Outcome.READY);
    }

    @Test
    void deadlineEndsTheWait() {
        assertThat(polling.awaitReadable(pair.first(), stop, 2_000_000)).isEqualTo(Polling.Outcome.TIMED_OUT);
        assertThat(polling.awaitReadable(pair.first(), stop, -5)).isEqualTo(Polling.Outcome.TIMED_OUT);
        assertThat(polling.awaitSignal(stop, 2_000_000)).isEqualTo(Polling.Outcome.TIMED_OUT);
    }

    @Test
    void stopGoesBeforeBytes() {
        pair.second().write(memory, 0, 1);
        stop.raise();
        assertThat(polling.awaitReadable(pair.first(), stop, NOT_SOON_NANOS)).isEqualTo(Polling.Outcome.STOPPED);
        assertThat(polling.awaitSignal(stop, NOT_SOON_NANOS)).isEqualTo(Polling.Outcome.STOPPED);
        stop.drain();
        assertThat(polling.awaitReadable(pair.first(), stop, NOT_SOON_NANOS)).isEqualTo(Polling.Outcome.READY);
    }

    @Test
    void endOfThePeerMakesADescriptorReady() {
        pair.second().close();
        assertThat(polling.awaitReadable(pair.first(), stop, NOT_SOON_NANOS)).isEqualTo(Polling.Outcome.READY);
        assertThat(pair.first().read(memory, 0, 10)).isEqualTo(-1);
    }

    @Test
    void stopWakesAThreadThatWaitsForEver() throws Exception {
        CompletableFuture<Polling.Outcome> outcome = new CompletableFuture<>();
        Thread waiter = new Thread(
                () -> outcome.complete(polling.awaitReadable(pair.first(), stop, Polling.FOREVER_NANOS)), "waiter");
        waiter.start();
        stop.raise();
        assertThat(outcome.get(30, TimeUnit.SECONDS)).isEqualTo(Polling.Outcome.STOPPED);
        waiter.join();
    }

    @Test
    void kickDoesNotEndTheWait() throws Exception {
        Threads.installKickHandler();
        CompletableFuture<Integer> id = new CompletableFuture<>();
        CompletableFuture<Polling.Outcome> outcome = new CompletableFuture<>();
        Thread waiter = new Thread(
                () -> {
                    id.complete(Threads.currentId());
                    outcome.complete(polling.awaitReadable(pair.first(), stop, NOT_SOON_NANOS));
                },
                "waiter");
        waiter.start();
        for (int kicks = 0; kicks < 1000; kicks++) {
            assertThat(Threads.kick(id.get())).isTrue();
            Thread.onSpinWait();
        }
        assertThat(outcome).isNotDone();
        pair.second().write(memory, 0, 1);
        assertThat(outcome.get(30, TimeUnit.SECONDS)).isEqualTo(Polling.Outcome.READY);
        waiter.join();
    }

    @Test
    void closedDescriptorIsRefused() {
        pair.first().close();
        assertThatThrownBy(() -> polling.awaitReadable(pair.first(), stop, 0))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void signalStaysUpUntilDrained() {
        assertThat(stop.isRaised()).isFalse();
        stop.raise();
        stop.raise();
        assertThat(stop.isRaised()).isTrue();
        stop.drain();
        assertThat(stop.isRaised()).isFalse();
        stop.drain();
        assertThat(polling.awaitSignal(stop, 0)).isEqualTo(Polling.Outcome.TIMED_OUT);
    }

    @Test
    void closedSignalIgnoresRaiseAndRefusesTheRest() {
        stop.close();
        stop.close();
        stop.raise();
        assertThatThrownBy(stop::drain).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(stop::number).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void raisesFromManyThreadsAreNeverLost() throws Exception {
        int rounds = 2000;
        CountDownLatch done = new CountDownLatch(2);
        Runnable raiser = () -> {
            for (int i = 0; i < rounds; i++) {
                stop.raise();
            }
            done.countDown();
        };
        new Thread(raiser, "raiser-0").start();
        new Thread(raiser, "raiser-1").start();
        while (done.getCount() > 0) {
            stop.drain();
        }
        stop.raise();
        assertThat(polling.awaitSignal(stop, 0)).isEqualTo(Polling.Outcome.STOPPED);
    }
}
