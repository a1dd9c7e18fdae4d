// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ChunkDensityTest {
    private final SplittableRandom random = new SplittableRandom(20261130);
    private final byte[] dense = new byte[PackDirectory.CHUNK_BYTES];
    private final ChunkDensity density = new ChunkDensity();

    private void hearThatNoneShrinks(int times) {
        for (int i = 0; i < times; i++) {
            density.hear(false);
        }
    }

    private boolean nextIsInVain() {
        random.nextBytes(dense);
        return density.isInVain(dense, dense.length);
    }

    @Test
    void randomBytesAreNotTriedWhenThoseBeforeDidNotShrink() {
        hearThatNoneShrinks(ChunkDensity.IN_A_ROW - 1);
        assertThat(nextIsInVain()).isFalse();
        density.hear(false);
        assertThat(nextIsInVain()).isTrue();
        density.hear(true);
        assertThat(nextIsInVain()).isFalse();
    }

    @Test
    void whatDoesNotLookRandomIsAlwaysTried() {
        hearThatNoneShrinks(100);
        byte[] text = "A page of a log has the same words again. ".repeat(2000).getBytes(StandardCharsets.UTF_8);
        assertThat(density.isInVain(text, PackDirectory.CHUNK_BYTES)).isFalse();
        byte[] pointers = new byte[PackDirectory.CHUNK_BYTES];
        for (int i = 0; i < pointers.length; i += Long.BYTES) {
            random.nextBytes(dense);
            System.arraycopy(dense, 0, pointers, i, 3);
            pointers[i + 5] = (byte) 0xff;
        }
        assertThat(density.isInVain(pointers, pointers.length)).isFalse();
        assertThat(density.isInVain(dense, 100)).isFalse();
    }

    @Test
    void oneInSomeIsTriedAllTheSame() {
        hearThatNoneShrinks(ChunkDensity.IN_A_ROW);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < ChunkDensity.MOST_SKIPPED; i++) {
                assertThat(nextIsInVain()).isTrue();
            }
            assertThat(nextIsInVain()).isFalse();
        }
    }
}
