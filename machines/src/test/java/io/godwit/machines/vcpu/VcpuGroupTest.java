// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.vcpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.VcpuStuckException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class VcpuGroupTest {
    private static final Duration LONG = Duration.ofSeconds(20);

    private final HeartbeatMonitor heartbeats = new HeartbeatMonitor(2);

    @Test
    void vcpuThatDoesNotComeOutIsReportedAndTheOthersGoOn() throws InterruptedException {
        Obedient obedient = new Obedient();
        Deaf deaf = new Deaf();
        VcpuGroup group = new VcpuGroup(List.of(obedient, deaf));
        group.resume();
        assertThat(obedient.runs.tryAcquire(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(deaf.entered.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThatThrownBy(() -> group.pause(Duration.ofMillis(30)))
                .isInstanceOf(VcpuStuckException.class)
                .hasMessageContaining("vcpu-1");
        assertThat(obedient.runs.tryAcquire(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
        deaf.release.countDown();
        group.pause(LONG);
        assertThat(group.end()).isTrue();
    }

    @Test
    void crashOfOneVcpuIsKeptAndNobodyRunsAgain() {
        Obedient obedient = new Obedient();
        VcpuThread crashing = new VcpuThread(1, heartbeats.vcpus().get(1)) {
            @Override
            protected void prepareThread() {}

            @Override
            protected void prepareToRun() {}

            @Override
            protected void runGuest() {
                throw new IllegalStateException("triple fault");
            }

            @Override
            protected void interruptGuest() {}
        };
        VcpuGroup group = new VcpuGroup(List.of(obedient, crashing));
        group.resume();
        long deadline = System.nanoTime() + LONG.toNanos();
        while (group.failure().isEmpty() && System.nanoTime() - deadline < 0) {
            Thread.onSpinWait();
        }
        group.pause(LONG);
        assertThat(group.failure()).hasValueSatisfying(why -> assertThat(why).hasMessage("triple fault"));
        assertThatThrownBy(group::resume)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("triple fault");
        assertThat(group.end()).isTrue();
    }

    @Test
    void throttleTakesNoMoreThanItCan() {
        Obedient obedient = new Obedient();
        assertThatThrownBy(() -> obedient.throttle(100)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> obedient.throttle(-1)).isInstanceOf(IllegalArgumentException.class);
    }

    /** Comes out when asked. */
    private final class Obedient extends VcpuThread {
        final Semaphore runs = new Semaphore(0);

        Obedient() {
            super(0, heartbeats.vcpus().get(0));
        }

        @Override
        protected void prepareThread() {}

        @Override
        protected void prepareToRun() {}

        @Override
        protected void runGuest() {
            runs.release();
            while (!isPauseWanted()) {
                int _ = beatPort().awaitTick();
            }
        }

        @Override
        protected void interruptGuest() {}
    }

    /** Stays in the guest until it is released. */
    private final class Deaf extends VcpuThread {
        final CountDownLatch entered = new CountDownLatch(1);
        final CountDownLatch release = new CountDownLatch(1);

        Deaf() {
            super(1, heartbeats.vcpus().get(1));
        }

        @Override
        protected void prepareThread() {}

        @Override
        protected void prepareToRun() {}

        @Override
        protected void runGuest() {
            entered.countDown();
            try {
                release.await();
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
            while (!isPauseWanted()) {
                int _ = beatPort().awaitTick();
            }
        }

        @Override
        protected void interruptGuest() {}
    }
}
