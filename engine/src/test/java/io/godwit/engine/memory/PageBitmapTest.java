// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class DirtyBitmapTest {
    @Test
    void setAllSetsNoBitBeyondTheLastPage() {
        DirtyBitmap bitmap = new DirtyBitmap(70);
        bitmap.setAll();
        assertThat(bitmap.count()).isEqualTo(70);
        bitmap.clearAll();
        bitmap.or(1, -1L);
        assertThat(bitmap.count()).isEqualTo(6);
    }

    @Test
    void rangesAcrossWordsAreWhole() {
        SplittableRandom random = new SplittableRandom(20_261_120);
        for (int round = 0; round < 200; round++) {
            int first = random.nextInt(300);
            int count = random.nextInt(300 - first + 1);
            DirtyBitmap bitmap = new DirtyBitmap(300);
            bitmap.setRange(first, count);
            BitSet expected = new BitSet();
            expected.set(first, first + count);
            assertThat(BitSet.valueOf(bitmap.toWords()))
                    .as("pages %d..+%d", first, count)
                    .isEqualTo(expected);
        }
    }

    @Test
    void pagesOutsideAreRefused() {
        DirtyBitmap bitmap = new DirtyBitmap(64);
        assertThatThrownBy(() -> bitmap.set(64)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> bitmap.set(-1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> bitmap.setRange(60, 5)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> new DirtyBitmap(0)).isInstanceOf(IllegalArgumentException.class);
    }

    /**
     * Two writers set bits for ever while one takes them: each bit that was set is taken, and no bit is taken that was
     * not set.
     */
    @Test
    void noBitIsLostBetweenSettersAndTaker() throws InterruptedException {
        int rounds = 2000;
        DirtyBitmap bitmap = new DirtyBitmap(128);
        long[][] setBy = new long[2][128];
        CountDownLatch done = new CountDownLatch(2);
        List<Thread> writers = new ArrayList<>();
        for (int w = 0; w < 2; w++) {
            long[] mine = setBy[w];
            SplittableRandom random = new SplittableRandom(w);
            writers.add(Thread.ofPlatform().start(() -> {
                for (int i = 0; i < rounds; i++) {
                    int page = random.nextInt(128);
                    mine[page]++;
                    bitmap.set(page);
                }
                done.countDown();
            }));
        }
        long[] taken = new long[128];
        boolean last = false;
        while (true) {
            for (int word = 0; word < 2; word++) {
                long bits = bitmap.fetchAndClear(word);
                for (int bit = 0; bit < 64; bit++) {
                    taken[word * 64 + bit] += bits >>> bit & 1;
                }
            }
            if (last) {
                break;
            }
            last = done.getCount() == 0;
        }
        for (Thread writer : writers) {
            writer.join();
        }
        for (int page = 0; page < 128; page++) {
            long set = setBy[0][page] + setBy[1][page];
            assertThat(taken[page]).as("page %d", page).isBetween(Math.min(1, set), set);
        }
        assertThat(bitmap.count()).isZero();
    }

    @Test
    void batchTakesEachBitOnce() {
        DirtyBitmap bitmap = new DirtyBitmap(1000);
        bitmap.setRange(10, 500);
        PageBatch batch = new PageBatch(128);
        BitSet seen = new BitSet();
        int word = 0;
        while (word < bitmap.wordCount()) {
            word = batch.fill(bitmap, word);
            for (int i = 0; i < batch.count(); i++) {
                assertThat(seen.get((int) batch.page(i))).isFalse();
                seen.set((int) batch.page(i));
            }
        }
        assertThat(seen.cardinality()).isEqualTo(500);
        assertThat(bitmap.count()).isZero();
    }

    @Test
    void batchLeavesWhatItIsToldToLeave() {
        DirtyBitmap bitmap = new DirtyBitmap(200);
        bitmap.setRange(0, 200);
        DirtyBitmap left = new DirtyBitmap(200);
        left.setRange(60, 10);
        left.set(199);
        PageBatch batch = new PageBatch(256);
        assertThat(batch.fillBut(left, bitmap, 0)).isEqualTo(bitmap.wordCount());
        assertThat(batch.count()).isEqualTo(189);
        for (int i = 0; i < batch.count(); i++) {
            assertThat(left.isSet(batch.page(i))).isFalse();
        }
        assertThat(bitmap.toWords()).isEqualTo(left.toWords());
        assertThat(left.count(0, 1)).isEqualTo(4);
        assertThat(left.count(1, 4)).isEqualTo(7);
    }
}
