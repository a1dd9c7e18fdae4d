// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import java.util.Optional;

/**
 * What a migration did with the guest's memory so far, as one side saw it. Immutable. Pages are target pages of 4096
 * bytes; bytes on the wire count headers too; rates are bytes or pages a second. A destination knows neither passes,
 * rests nor dirty pages, and says 0 for them.
 *
 * @param totalBytes the guest's memory
 * @param remainingBytes pages not yet sent, in bytes of memory
 * @param transferredBytes all bytes sent or received
 * @param normalPages pages that travelled with their content
 * @param zeroPages pages that travelled as "all zero"
 * @param pass number of the current walk of the dirty bitmap, from 1; 0 before the first
 * @param dirtyPagesPerSecond what the tracker measured over the last pass
 * @param bandwidthBytesPerSecond what the wire carried over the last pass or interval
 * @param tracker what tracks the guest's writes; empty where nothing does
 * @param freePages what the guest said of its free pages, once it was asked
 */
public record RamStatistics(
        long totalBytes,
        long remainingBytes,
        long transferredBytes,
        long normalPages,
        long zeroPages,
        int pass,
        long dirtyPagesPerSecond,
        long bandwidthBytesPerSecond,
        String tracker,
        Optional<FreePageStatistics> freePages) {
    /** Nothing has travelled. */
    public static final RamStatistics NONE = new RamStatistics(0, 0, 0, 0, 0, 0, 0, 0, "", Optional.empty());
}
