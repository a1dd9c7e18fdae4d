// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.memory;

/**
 * What is known of the pages that a guest needs first when it goes on somewhere else, and what is learnt of them. In
 * postcopy they are sent before all others.
 */
public interface WantedPages {
    /** Nothing is known, and nothing learnt. */
    WantedPages NONE = new WantedPages() {
        @Override
        public int count() {
            return 0;
        }

        @Override
        public int block(int index) {
            throw new IndexOutOfBoundsException(index);
        }

        @Override
        public long page(int index) {
            throw new IndexOutOfBoundsException(index);
        }

        @Override
        public void asked(int block, long page) {}
    };

    /** How many are known; the same as long as a migration lasts. */
    int count();

    /** The block of one, as an index in the list of blocks. The first is the one that is needed first. */
    int block(int index);

    /** Its number in the block; of a host page that is larger, the first. */
    long page(int index);

    /** The destination asks for a page now. On the thread that reads what the destination says; returns at once. */
    void asked(int block, long page);
}
