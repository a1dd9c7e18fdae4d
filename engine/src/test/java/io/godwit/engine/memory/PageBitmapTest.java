// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class PageBitmapTest {
    @Test
    void setAllSetsNoBitBeyondTheLastPage() {
        PageBitmap bitmap = new PageBitmap(70);
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
            PageBitmap bitmap = new PageBitmap(300);
            bitmap.setRange(first, count);
            BitSet expected = new BitSet();
            expected.set(first, first + count);
            assertThat(BitSet.valueOf(bitmap.toWords()))
                    .as("pages %d..+%d", first, count)
                    .isEqualTo(expected);
        }
    }

    @Test
    void wordsAreClearOnlyIfEachOfThemIs() {
        PageBitmap bitmap = new PageBitmap(64 * 40);
        for (int set = 0; set < 40; set++) {
            bitmap.clearAll();
            bitmap.set(set * 64L + 63);
            for (int first = 0; first < 40; first++) {
                for (int count = 1; count <= 40 - first; count++) {
                    assertThat(bitmap.isClear(first, count))
                            .as("word %d set, words %d..+%d", set, first, count)
                            .isEqualTo(set < first || set >= first + count);
                }
            }
        }
    }

    @Test
    void pagesOutsideAreRefused() {
        PageBitmap bitmap = new PageBitmap(64);
        assertThatThrownBy(() -> bitmap.set(64)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> bitmap.set(-1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> bitmap.setRange(60, 5)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> new PageBitmap(0)).isInstanceOf(IllegalArgumentException.class);
    }

    /**
     * Two writers set bits for ever while one takes them: each bit that was set is taken, and no bit is taken that was
     * not set.
     */
    @Test
    void noBitIsLostBetweenSettersAndTaker() throws InterruptedException {
        int rounds = 2000;
        PageBitmap bitmap = new PageBitmap(128);
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
        PageBitmap bitmap = new PageBitmap(1000);
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
        PageBitmap bitmap = new PageBitmap(200);
        bitmap.setRange(0, 200);
        PageBitmap left = new PageBitmap(200);
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

    @Test
    void theFirstArrivalOfAPageIsToldFromTheSecond() {
        PageBitmap received = new PageBitmap(70);
        assertThat(received.testAndSet(69)).isTrue();
        assertThat(received.testAndSet(69)).isFalse();
        assertThat(received.isSet(69)).isTrue();
        assertThat(received.isSet(5)).isFalse();
        assertThat(received.count()).isEqualTo(1);
    }

    @Test
    void aRangeAcrossWordsIsForgottenAndNothingBesideIt() {
        PageBitmap received = new PageBitmap(200);
        for (int page = 0; page < 200; page++) {
            boolean _ = received.testAndSet(page);
        }
        received.clearRange(60, 80);
        assertThat(received.count()).isEqualTo(120);
        assertThat(received.isSet(59)).isTrue();
        assertThat(received.isSet(60)).isFalse();
        assertThat(received.isSet(139)).isFalse();
        assertThat(received.isSet(140)).isTrue();
    }

    @Test
    void onTheWirePageNIsBitNOfLittleEndianWords() {
        PageBitmap received = new PageBitmap(70);
        received.set(0);
        received.set(9);
        received.set(64);
        ByteBuffer out = ByteBuffer.allocate(received.wireBytes());
        received.putWire(out);
        assertThat(out.array()).containsExactly(1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
        assertThat(out.remaining()).isZero();
    }

    @Test
    void nextWordFindsEachWordThatHasABitAndNoOther() {
        PageBitmap bitmap = new PageBitmap(100 * 64 + 3);
        assertThat(bitmap.nextWord(0)).isEqualTo(bitmap.wordCount());
        List<Integer> expected = List.of(0, 1, 31, 32, 33, 64, 99, 100);
        expected.forEach(word -> bitmap.set(word * 64L + 2));
        List<Integer> found = new ArrayList<>();
        for (int word = bitmap.nextWord(0); word < bitmap.wordCount(); word = bitmap.nextWord(word + 1)) {
            found.add(word);
        }
        assertThat(found).isEqualTo(expected);
        assertThat(bitmap.nextWord(101)).isEqualTo(101);
    }
}
