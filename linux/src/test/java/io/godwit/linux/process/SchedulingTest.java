// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.linux.ffi.SchedulingNumbers;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SchedulingTest {
    /** What a thread got, what the kernel says then, and what a thread says that it started. */
    private record Answer(Scheduling.Outcome outcome, int policy, int policyOfNext) {}

    private static <T> T onNewThread(Supplier<T> work) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread.ofPlatform().name("scheduling-test").start(() -> {
            try {
                result.complete(work.get());
            } catch (RuntimeException | Error failure) {
                result.completeExceptionally(failure);
            }
        });
        return result.orTimeout(30, TimeUnit.SECONDS).join();
    }

    private static Answer ask(Supplier<Scheduling.Outcome> wish) {
        return onNewThread(() -> new Answer(wish.get(), Scheduling.policy(), onNewThread(Scheduling::policy)));
    }

    @Test
    void latencyIsRealTimeOrShortSlicesAndDoesNotSpreadToThreadsStartedLater() {
        Answer answer = ask(Scheduling::preferLatency);
        int expected = answer.outcome() == Scheduling.Outcome.REALTIME
                ? SchedulingNumbers.SCHED_FIFO
                : SchedulingNumbers.SCHED_NORMAL;
        assertThat(answer.policy()).isEqualTo(expected);
        assertThat(answer.policyOfNext()).isEqualTo(SchedulingNumbers.SCHED_NORMAL);
    }

    @Test
    void shortSlicesLeaveAnOrdinaryThread() {
        assertThat(ask(Scheduling::shortSlices).policy()).isEqualTo(SchedulingNumbers.SCHED_NORMAL);
    }

    @Test
    void backgroundIsBatchWhereverItIsAllowed() {
        Answer answer = ask(Scheduling::background);
        assertThat(answer.policy())
                .isEqualTo(
                        answer.outcome() == Scheduling.Outcome.BATCH
                                ? SchedulingNumbers.SCHED_BATCH
                                : SchedulingNumbers.SCHED_NORMAL);
    }
}
