// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux.memory;

/** What madvise(2) can be told about a range of memory. */
public enum Advice {
    /** No special treatment. */
    NORMAL(0),
    /** The range will be read or written soon. */
    WILLNEED(3),
    /** Drop the range's pages: private anonymous memory reads as zero afterwards. */
    DONTNEED(4),
    /** Free the pages of a shared mapping in its file too: it reads as zero afterwards, in every mapping. */
    REMOVE(9),
    /** Leave the range out of child processes. */
    DONTFORK(10),
    /** Undoes {@link #DONTFORK}. */
    DOFORK(11),
    /** Let the kernel merge equal pages. */
    MERGEABLE(12),
    /** Undoes {@link #MERGEABLE}. */
    UNMERGEABLE(13),
    /** Back the range with transparent huge pages. */
    HUGEPAGE(14),
    /** Never back the range with transparent huge pages. */
    NOHUGEPAGE(15),
    /** Leave the range out of core dumps. */
    DONTDUMP(16),
    /** Undoes {@link #DONTDUMP}. */
    DODUMP(17),
    /** Fault the range's pages in for reading (Linux 5.14). */
    POPULATE_READ(22),
    /** Fault the range's pages in for writing (Linux 5.14). */
    POPULATE_WRITE(23),
    /** Make huge pages of the range now (Linux 6.1). */
    COLLAPSE(25);

    private final int number;

    Advice(int number) {
        this.number = number;
    }

    /** The kernel's {@code MADV_} number. */
    int number() {
        return number;
    }
}
