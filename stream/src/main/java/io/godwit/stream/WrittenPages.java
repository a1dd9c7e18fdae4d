// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * What a secondary of COLO that keeps no second copy of RAM says behind {@link ColoMessage#CHECKPOINT_REPLY}: which
 * pages its guest has written since the last checkpoint, so that the primary sends them too. Godwit's own. WIRE,
 * big-endian: u32 number of words; for each u32 block as the stream numbers them, u32 word, u64 bits. Bit n of word w
 * is page 64 w + n. A word has a bit at least, and comes once: words ascend within a block, blocks ascend.
 */
public final class WrittenPages {
    /** Bytes before the first word. */
    public static final int HEAD_BYTES = 4;

    /** Bytes of a word. */
    public static final int WORD_BYTES = 16;

    /** Hears the words in their order. */
    @FunctionalInterface
    public interface Listener {
        /** Pages of a word of 64. */
        void written(int blockIndex, int word, long bits);
    }

    private final List<RamBlockEntry> blocks;
    private final Listener listener;
    private boolean begun;
    private long left;
    private int lastBlock;
    private long lastWord;

    /** Reads them, for these blocks, again and again. */
    public WrittenPages(List<RamBlockEntry> blocks, Listener listener) {
        this.blocks = blocks;
        this.listener = listener;
    }

    /** Puts the head: so many words follow. */
    public static void putHead(ByteBuffer out, int words) {
        out.putInt(words);
    }

    /** Puts a word. */
    public static void putWord(ByteBuffer out, int blockIndex, int word, long bits) {
        out.putInt(blockIndex).putInt(word).putLong(bits);
    }

    /**
     * Takes what is there; what is not there wholly stays.
     *
     * @return whether that was all of it; what comes next is another message
     * @throws StreamFormatException if these are no such words
     */
    public boolean consume(ByteBuffer in, long position) {
        StreamPlace place = new StreamPlace(position, "pages that the secondary has written");
        if (!begun) {
            if (in.remaining() < HEAD_BYTES) {
                return false;
            }
            begin(Integer.toUnsignedLong(in.getInt()), place);
        }
        while (left > 0 && in.remaining() >= WORD_BYTES) {
            take(in.getInt(), Integer.toUnsignedLong(in.getInt()), in.getLong(), place);
            left--;
        }
        begun = left > 0;
        return !begun;
    }

    private void begin(long words, StreamPlace place) {
        place.requireAtMost(
                "number of words",
                blocks.stream().mapToLong(WrittenPages::wordCount).sum(),
                words);
        begun = true;
        left = words;
        lastBlock = 0;
        lastWord = -1;
    }

    private void take(int block, long word, long bits, StreamPlace place) {
        place.requireAtMost("block", blocks.size() - 1, block);
        place.requireAtMost(
                "word of block '" + blocks.get(block).idstr() + "'", wordCount(blocks.get(block)) - 1, word);
        if (block < lastBlock || (block == lastBlock && word <= lastWord)) {
            throw place.fail("order of words", "one behind word " + lastWord + " of block " + lastBlock, word);
        }
        long pagesHere = blocks.get(block).pageCount() - (word << 6);
        if (bits == 0 || (pagesHere < Long.SIZE && bits >>> pagesHere != 0)) {
            throw place.fail(
                    "bits of word " + word, "some of " + Math.min(Long.SIZE, pagesHere), Long.toHexString(bits));
        }
        lastBlock = block;
        lastWord = word;
        listener.written(block, (int) word, bits);
    }

    private static long wordCount(RamBlockEntry block) {
        return (block.pageCount() + 63) >>> 6;
    }
}
