// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RamBlocksTest {
    private final NativeMemory memory = NativeMemory.mapAnonymous(1 << 20);
    private final RamBlock first = new RamBlock("first", memory);
    private final RamBlock second = new RamBlock("second", memory);
    private final RamBlocks blocks = new RamBlocks(List.of(first));
    private final AtomicInteger freed = new AtomicInteger();

    @AfterEach
    void close() {
        memory.close();
    }

    private void free() {
        int _ = freed.incrementAndGet();
    }

    @Test
    void whoComesIsToBeSentAndTheVersionRises() {
        blocks.add(second, RamBlocks.Gate.OPEN);
        assertThat(blocks.snapshot().version()).isEqualTo(2);
        assertThat(second.dirtyBitmap().count()).isEqualTo(second.pageCount());
        assertThatThrownBy(() -> blocks.add(new RamBlock("second", memory), RamBlocks.Gate.OPEN))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void memoryIsFreedAtOnceIfNobodyUsesIt() {
        blocks.add(second, RamBlocks.Gate.OPEN);
        blocks.remove(second, RamBlocks.Gate.OPEN, this::free);
        assertThat(freed).hasValue(1);
        assertThat(second.beginUse()).isFalse();
        assertThatThrownBy(() -> blocks.add(second, RamBlocks.Gate.OPEN)).hasMessageContaining("was removed before");
    }

    @Test
    void theLastUserFreesIt() {
        blocks.add(second, RamBlocks.Gate.OPEN);
        assertThat(second.beginUse()).isTrue();
        assertThat(second.beginUse()).isTrue();
        blocks.remove(second, RamBlocks.Gate.OPEN, this::free);
        assertThat(blocks.snapshot().blocks()).containsExactly(first);
        second.endUse();
        assertThat(freed).hasValue(0);
        second.endUse();
        assertThat(freed).hasValue(1);
    }

    @Test
    void ofManyUsersExactlyOneIsTheLast() throws InterruptedException {
        for (int round = 0; round < 200; round++) {
            RamBlock block = new RamBlock("block", memory);
            blocks.add(block, RamBlocks.Gate.OPEN);
            CountDownLatch go = new CountDownLatch(1);
            Thread user = Thread.ofPlatform().start(() -> {
                go.countDown();
                while (block.beginUse()) {
                    block.endUse();
                }
            });
            go.await();
            blocks.remove(block, RamBlocks.Gate.OPEN, this::free);
            user.join();
            assertThat(freed).hasValue(round + 1);
        }
    }

    @Test
    void whatIsHeldIsRefusedWithTheReasonThatHoldsNow() {
        blocks.add(second, RamBlocks.Gate.OPEN);
        try (RamBlocks.Hold hold = blocks.hold("Because.")) {
            assertThatThrownBy(() -> blocks.remove(second, RamBlocks.Gate.OPEN, this::free))
                    .isInstanceOf(MigrationException.Refused.class)
                    .hasMessage("Because.");
            hold.because("For another reason.");
            assertThatThrownBy(blocks::refuseIfHeld).hasMessage("For another reason.");
            assertThat(hold.snapshot().blocks()).containsExactly(first, second);
        }
        assertThat(second.beginUse()).isTrue();
        second.endUse();
        blocks.remove(second, RamBlocks.Gate.OPEN, this::free);
        assertThat(freed).hasValue(1);
    }

    @Test
    void aClosedGateChangesNothing() {
        RamBlocks.Gate closed = () -> {
            throw new MigrationException.Refused("Too late.");
        };
        assertThatThrownBy(() -> blocks.add(second, closed)).hasMessage("Too late.");
        assertThat(blocks.snapshot().blocks()).containsExactly(first);
        blocks.add(second, RamBlocks.Gate.OPEN);
        assertThatThrownBy(() -> blocks.remove(second, closed, this::free)).hasMessage("Too late.");
        assertThat(blocks.snapshot().blocks()).containsExactly(first, second);
        assertThat(freed).hasValue(0);
    }

    @Test
    void nobodyBeginsToHoldTheListBetweenTheGateAndTheChange() {
        Thread[] holder = new Thread[1];
        long[] heldVersion = new long[1];
        blocks.add(second, () -> {
            holder[0] = Thread.ofPlatform().start(() -> {
                try (RamBlocks.Hold hold = blocks.hold("Because.")) {
                    heldVersion[0] = hold.snapshot().version();
                }
            });
            while (holder[0].getState() != Thread.State.WAITING) {
                assertThat(holder[0].isAlive())
                        .as("who wants to hold the list waits")
                        .isTrue();
                Thread.onSpinWait();
            }
        });
        joinUninterruptibly(holder[0]);
        assertThat(heldVersion[0]).isEqualTo(blocks.snapshot().version());
    }

    private static void joinUninterruptibly(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
