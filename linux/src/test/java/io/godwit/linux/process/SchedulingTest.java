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

    @Test
    void answeringAtOnceLeavesAnOrdinaryThreadOfTheSamePriority() {
        int before = onNewThread(Scheduling::nice);
        assertThat(onNewThread(() -> Scheduling.answersAtOnce() ? Scheduling.policy() : SchedulingNumbers.SCHED_NORMAL))
                .isEqualTo(SchedulingNumbers.SCHED_NORMAL);
        assertThat(onNewThread(() -> {
                    boolean _ = Scheduling.answersAtOnce();
                    return Scheduling.nice();
                }))
                .isEqualTo(before);
    }
}
