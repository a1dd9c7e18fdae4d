// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ResidencyTest {
    @Test
    void onlyPagesThatWereTouchedAreThere() {
        try (NativeMemory memory = NativeMemory.mapAnonymous(300L << 20)) {
            memory.advise(0, memory.byteLength(), Advice.NOHUGEPAGE);
            assertThat(Residency.bytes(memory)).isZero();
            memory.putLong(0, 1);
            memory.putLong(70_000L * NativeMemory.PAGE_BYTES, 1);
            memory.fill(100L << 20, 1 << 20, (byte) 1);
            assertThat(Residency.bytes(memory)).isEqualTo((1L << 20) + 2L * NativeMemory.PAGE_BYTES);
        }
    }
}
