// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.Errno;
import io.godwit.linux.NativeException;
import io.godwit.linux.ffi.Libc;
import io.godwit.linux.memory.NativeMemory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ThreadsTest {
    private static final long LIMIT_SECONDS = 30;

    @BeforeAll
    static void makeKicksHarmless() {
        Threads.installKickHandler();
        Threads.installKickHandler();
    }

    /** Runs on a thread of its own, so that masks and slack do not leak into other tests. */
    private static <T> T onNewThread(Supplier<T> work) throws Exception {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        result.complete(work.get());
                    } catch (RuntimeException | Error failure) {
                        result.completeExceptionally(failure);
                    }
                },
                "threads-test");
        thread.start();
        return result.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    @Test
    void idsAreTheKernels() throws Exception {
        assertThat(Threads.processId()).isEqualTo((int) ProcessHandle.current().pid());
        assertThat(onNewThread(Threads::currentId)).isPositive().isNotEqualTo(Threads.currentId());
    }

    @Test
    void kickBringsAThreadOutOfABlockingCall() throws Exception {
        CompletableFuture<Integer> id = new CompletableFuture<>();
        CompletableFuture<Integer> result = new CompletableFuture<>();
        Thread blocked = new Thread(
                () -> {
                    id.complete(Threads.currentId());
                    result.complete(Libc.ppoll(0, 0, 0, 0));
                },
                "blocked");
        blocked.start();
        // A kick that comes before the call is lost, so it is repeated until the thread is out.
        while (!result.isDone()) {
            Threads.kick(id.get());
            Thread.onSpinWait();
        }
        assertThat(result.get()).isEqualTo(-Errno.EINTR.number());
        blocked.join();
    }

    @Test
    void blockedKickWaitsUntilItIsLetThrough() throws Exception {
        int outcome = onNewThread(() -> {
            Threads.blockKicks();
            assertThat(Threads.signalMask() & Threads.kickBit()).isNotZero();
            Threads.kick(Threads.currentId());
            int result = pollWithKicksAllowed();
            Threads.unblockKicks();
            assertThat(Threads.signalMask() & Threads.kickBit()).isZero();
            return result;
        });
        assertThat(outcome).isEqualTo(-Errno.EINTR.number());
    }

    /** ppoll with an empty mask of its own, as KVM_RUN has one: the kick that waits ends it at once. */
    private static int pollWithKicksAllowed() {
        try (NativeMemory memory = NativeMemory.allocate(128)) {
            return Libc.ppoll(0, 0, 0, memory.address());
        }
    }

    @Test
    void kickingAThreadThatHasEndedSaysSo() throws Exception {
        CompletableFuture<Integer> id = new CompletableFuture<>();
        Thread ended = new Thread(() -> id.complete(Threads.currentId()), "ended");
        ended.start();
        ended.join();
        // The kernel lets go of the thread a moment after Java has.
        while (Threads.kick(id.get())) {
            Thread.onSpinWait();
        }
        assertThat(Threads.kick(id.get())).isFalse();
        assertThatThrownBy(() -> CpuTime.threadNanos(id.get()))
                .isInstanceOf(NativeException.class)
                .hasMessageContaining("EINVAL");
    }

    @Test
    void timerSlackBelongsToTheThread() throws Exception {
        long before = Threads.timerSlackNanos();
        long inside = onNewThread(() -> {
            Threads.timerSlackNanos(1);
            return Threads.timerSlackNanos();
        });
        assertThat(inside).isEqualTo(1);
        assertThat(Threads.timerSlackNanos()).isEqualTo(before);
        assertThatThrownBy(() -> Threads.timerSlackNanos(0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void cpuTimeGrowsWithWork() {
        // The process first: what passes between the two readings is then in its span, and the thread's is within it.
        long process = CpuTime.processNanos();
        long thread = CpuTime.threadNanos();
        while (CpuTime.threadNanos() - thread < 1_000_000) {
            Thread.onSpinWait();
        }
        assertThat(CpuTime.processNanos() - process).isGreaterThanOrEqualTo(1_000_000);
        assertThat(CpuTime.threadNanos(Threads.currentId())).isGreaterThanOrEqualTo(thread + 1_000_000);
    }
}
