// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;

/**
 * What a restore took, from the connection to the destination on.
 *
 * @param runningNanos until the guest ran
 * @param completeNanos until all of its memory was there
 * @param pages of its memory that were sent with their content
 * @param zeroPages that were sent as zeros
 * @param requests how often it asked for a page
 * @param bytes that were sent
 * @param recoveries how often the connection was made anew
 */
public record RestoreFigures(
        long runningNanos, long completeNanos, long pages, long zeroPages, long requests, long bytes, int recoveries) {
    static RestoreFigures of(long runningNanos, long completeNanos, MigrationStatistics end) {
        return new RestoreFigures(
                runningNanos,
                completeNanos,
                end.ram().normalPages(),
                end.ram().zeroPages(),
                end.postcopy().map(PostcopyStatistics::requests).orElse(0L),
                end.ram().transferredBytes(),
                end.postcopy().map(PostcopyStatistics::recoveries).orElse(0));
    }
}
