// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

/** What scripts rely on. */
final class ReportShape {
    static final String[] MEMBERS = {
        "status",
        "guest",
        "totalTimeMillis",
        "setupTimeMillis",
        "downtimeMillis",
        "guestPauseMicros",
        "guestPauseBeforeMicros",
        "transferredBytes",
        "throughputBytesPerSecond",
        "passes",
        "pages",
        "verification",
        "postcopy"
    };

    private ReportShape() {}
}
