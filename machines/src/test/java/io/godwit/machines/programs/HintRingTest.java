// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.guest.FreePageReporter;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class HintRingTest {
    private static final long RING = BootLayout.hintRingOffset(0);

    /** Keeps what it hears. */
    private static final class Heard implements FreePageReporter.Sink {
        final List<String> hints = new ArrayList<>();
        final CountDownLatch done = new CountDownLatch(1);

        @Override
        public void free(int epoch, RamBlock block, long firstPage, long pageCount) {
            hints.add(epoch + ": " + firstPage + "+" + pageCount);
        }

        @Override
        public void done(int epoch) {
            done.countDown();
        }
    }

    private final NativeMemory memory = NativeMemory.mapAnonymous(4L << 20);
    private final RamBlock block = new RamBlock("ram", memory);
    private final HintRing ring = new HintRing(block, 1);
    private final Heard heard = new Heard();

    @AfterEach
    void unmap() {
        ring.close();
        memory.close();
    }

    private void tell(long number, long what, long first) {
        memory.putLongVolatile(RING + HintRing.slot(number), what);
        memory.putLongVolatile(RING + HintRing.slot(number) + Long.BYTES, first);
    }

    private void put(int field, long value) {
        memory.putLongVolatile(RING + field, value);
    }

    @Test
    void hintsAreHeardInOrderAndTheHostsWordsAreMarked() throws InterruptedException {
        put(HintRing.HEAD, 126);
        tell(126, 7L << 32 | 512, 1000);
        ring.start(7, heard);
        assertThat(memory.getLongVolatile(RING + HintRing.COMMAND)).isEqualTo(7);
        assertThat(memory.getLongVolatile(RING + HintRing.TAIL))
                .as("what is old is over")
                .isEqualTo(126);
        for (int i = 0; i < 4; i++) {
            tell(126 + i, 7L << 32 | 512, 1000L + i);
        }
        put(HintRing.HEAD, 130);
        put(HintRing.DONE, 7);
        heard.done.await();
        assertThat(heard.hints).containsExactly("7: 1000+512", "7: 1001+512", "7: 1002+512", "7: 1003+512");
        assertThat(block.dirtyBitmap().isSet(RING / RamBlock.PAGE_BYTES)).isTrue();
        ring.stop();
        assertThat(memory.getLongVolatile(RING + HintRing.COMMAND)).isZero();
    }

    @Test
    void aHeadThatNoProgramWritesEmptiesTheRing() throws InterruptedException {
        ring.start(-3, heard);
        put(HintRing.HEAD, Long.MIN_VALUE);
        put(HintRing.DONE, -3L & 0xffff_ffffL);
        heard.done.await();
        assertThat(heard.hints).isEmpty();
    }

    @Test
    void whatIsNonsenseGoesToTheEngineAsItIs() throws InterruptedException {
        ring.start(9, heard);
        tell(0, -1, Long.MIN_VALUE);
        put(HintRing.HEAD, 1);
        put(HintRing.DONE, 9);
        heard.done.await();
        assertThat(heard.hints).containsExactly("-1: -9223372036854775808+4294967295");
    }

    /** Its memory may be unmapped once it is closed. */
    @Test
    void closingWaitsForAnEpochThatWasStoppedBefore() throws InterruptedException {
        CountDownLatch heardOne = new CountDownLatch(1);
        AtomicBoolean closerWaited = new AtomicBoolean();
        Thread closer = new Thread(ring::close, "closer");
        ring.start(5, new FreePageReporter.Sink() {
            @Override
            public void free(int epoch, RamBlock of, long firstPage, long pageCount) {
                heardOne.countDown();
                Thread.State state = closer.getState();
                while (state != Thread.State.WAITING && state != Thread.State.TERMINATED) {
                    Thread.onSpinWait();
                    state = closer.getState();
                }
                closerWaited.set(state == Thread.State.WAITING);
            }

            @Override
            public void done(int epoch) {
                // It is stopped before its last word.
            }
        });
        tell(0, 5L << 32 | 1, 1000);
        put(HintRing.HEAD, 1);
        heardOne.await();
        ring.stop();
        closer.start();
        closer.join();
        assertThat(closerWaited).isTrue();
    }

    @Test
    void aGuestThatNeverAnswersHoldsUpNobody() {
        ring.start(1, heard);
        ring.start(2, heard);
        ring.stop();
        ring.stop();
        ring.close();
        assertThat(heard.hints).isEmpty();
    }
}
