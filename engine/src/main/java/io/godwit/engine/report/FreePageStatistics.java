// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

/**
 * What came of asking the guest for its free pages. Immutable.
 *
 * @param hinted pages in hints that were taken, each as often as it was told
 * @param dropped hints of another epoch, or after the first pass, or beyond what is worth looking at
 * @param refused hints of memory that the guest does not have
 * @param leftOut pages that are not sent because of it; 0 again in postcopy, where every page must come
 */
public record FreePageStatistics(long hinted, long dropped, long refused, long leftOut) {}
