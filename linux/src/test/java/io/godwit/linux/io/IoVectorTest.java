// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.linux.memory.NativeMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IoVectorTest {
    private static final int PAGE = NativeMemory.PAGE_BYTES;

    @Test
    void adjacentRangesBecomeOne() {
        try (NativeMemory memory = NativeMemory.allocate(8 * PAGE);
                IoVector vector = new IoVector(2)) {
            vector.add(memory, 0, PAGE);
            vector.add(memory, PAGE, PAGE);
            vector.add(memory, 3 * PAGE, PAGE);
            assertThat(vector.count()).isEqualTo(2);
            assertThat(vector.remainingBytes()).isEqualTo(3 * PAGE);
            assertThat(vector.isFull()).isTrue();
            vector.add(memory, 4 * PAGE, PAGE);
            assertThat(vector.count()).isEqualTo(2);
            assertThatThrownBy(() -> vector.add(memory, 7 * PAGE, PAGE))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("holds 2 ranges");
        }
    }

    @Test
    void emptyRangesAreLeftOut() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE);
                IoVector vector = new IoVector(1)) {
            vector.add(memory, 5, 0);
            assertThat(vector.count()).isZero();
            assertThat(vector.isFull()).isFalse();
        }
    }

    @Test
    void rangesOutsideTheMemoryAreRefused() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE);
                IoVector vector = new IoVector(1)) {
            assertThatThrownBy(() -> vector.add(memory, 1, PAGE)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThat(vector.remainingBytes()).isZero();
        }
    }

    @Test
    void whatIsDrainedIsCopiedInOrderAndLeavesTheFront() {
        try (NativeMemory memory = NativeMemory.allocate(2 * PAGE);
                NativeMemory target = NativeMemory.allocate(PAGE);
                IoVector vector = new IoVector(3)) {
            memory.fillRandom(0, 2 * PAGE, 5);
            vector.add(memory, 300, 100);
            vector.add(memory, 0, 100);
            assertThat(vector.drainTo(target, 10, 150)).isEqualTo(150);
            assertThat(vector.remainingBytes()).isEqualTo(50);
            assertThat(target.buffer(10, 100)).isEqualTo(memory.buffer(300, 100));
            assertThat(target.buffer(110, 50)).isEqualTo(memory.buffer(0, 50));
            assertThat(vector.drainTo(target, 0, 100)).isEqualTo(50);
            assertThat(target.buffer(0, 50)).isEqualTo(memory.buffer(50, 50));
            assertThat(vector.drainTo(target, 0, 100)).isZero();
            vector.add(memory, 0, 100);
            assertThatThrownBy(() -> vector.drainTo(target, PAGE - 50, 100))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void whatWasTransferredLeavesTheFront() {
        try (NativeMemory memory = NativeMemory.allocate(8 * PAGE);
                IoVector vector = new IoVector(3)) {
            vector.add(memory, 0, 100);
            vector.add(memory, 200, 100);
            vector.add(memory, 400, 100);
            vector.advance(150);
            assertThat(vector.count()).isEqualTo(2);
            assertThat(vector.remainingBytes()).isEqualTo(150);
            vector.advance(50);
            assertThat(vector.count()).isEqualTo(1);
            assertThat(vector.isFull()).isTrue();
            vector.advance(100);
            assertThat(vector.count()).isZero();
            assertThat(vector.isFull()).isFalse();
            for (int i = 0; i < 3; i++) {
                vector.add(memory, i * 1000L, 1);
            }
            assertThat(vector.count()).isEqualTo(3);
        }
    }

    @Test
    void rangeThatWasPartlySentStillGrows() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE);
                IoVector vector = new IoVector(1)) {
            vector.add(memory, 0, 100);
            vector.advance(30);
            vector.add(memory, 100, 20);
            assertThat(vector.count()).isEqualTo(1);
            assertThat(vector.remainingBytes()).isEqualTo(90);
        }
    }

    @Test
    void clearForgetsEverything() {
        try (NativeMemory memory = NativeMemory.allocate(PAGE);
                IoVector vector = new IoVector(1)) {
            vector.add(memory, 0, 100);
            vector.clear();
            assertThat(vector.count()).isZero();
            assertThat(vector.remainingBytes()).isZero();
            vector.add(memory, 100, 100);
            assertThat(vector.count()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 1025})
    void capacityOutsideTheKernelsLimitIsRefused(int capacity) {
        assertThatThrownBy(() -> new IoVector(capacity))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1024");
    }
}
