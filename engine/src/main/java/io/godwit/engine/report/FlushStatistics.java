// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import java.util.List;

/**
 * One flush of a secondary's cache into its guest, or one fill of the cache. Immutable.
 *
 * @param pages pages of 4096 bytes that were copied
 * @param runs copies that they took: neighbouring pages are copied as one
 * @param nanos from the call to its end
 * @param threads what each thread did, the calling one first; those that nobody woke are not there
 */
public record FlushStatistics(long pages, long runs, long nanos, List<Part> threads) {
    /**
     * What one thread did.
     *
     * @param nanos from its first look for work to its last; 0 if all was done before it had woken
     */
    public record Part(long pages, long runs, long nanos) {}

    /** Nothing was done yet. */
    public static final FlushStatistics NONE = new FlushStatistics(0, 0, 0, List.of());

    /** Takes the parts together. */
    public FlushStatistics(long nanos, List<Part> threads) {
        this(
                threads.stream().mapToLong(Part::pages).sum(),
                threads.stream().mapToLong(Part::runs).sum(),
                nanos,
                List.copyOf(threads));
    }

    /** Bytes that were copied. */
    public long bytes() {
        return pages * 4096;
    }
}
