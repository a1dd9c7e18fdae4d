// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.Locale;
import java.util.Optional;

/** The outcome of a migration in a few lines for people. */
final class Summary {
    private Summary() {}

    /** What moved, and how fast. */
    static String moved(MigrationSample last) {
        return String.format(
                Locale.ROOT,
                "  moved     %s in %.2f s: %,d pages with content and %,d zero pages in %d passes, %s at %s/s",
                ByteSize.binary(last.totalBytes()),
                last.totalTimeMillis() / 1e3,
                last.normalPages(),
                last.zeroPages(),
                last.pass(),
                ByteSize.decimal(last.transferredBytes()),
                ByteSize.decimal(last.throughputBytesPerSecond()));
    }

    /** All that the demonstration found out. */
    static String of(
            MigrationSample last,
            Pause pause,
            DowntimeBreakdown parts,
            Optional<FaultReport> faults,
            Verification verification) {
        String nl = System.lineSeparator();
        return moved(last) + nl
                + (faults.isPresent() ? switchPause(pause) : pause(pause))
                + nl
                + "            " + parts + nl
                + faults.map(report -> String.join(nl, report.lines()) + nl).orElse("")
                + "  memory    "
                + (verification.ramIdentical()
                        ? verification.ramDetail() + " compared at the switchover: identical on both sides"
                        : "DIFFERS at the switchover: " + verification.ramDetail())
                + nl
                + String.format(
                        Locale.ROOT,
                        "  guest     %,d pages checked and rewritten by its program: %,d mismatches",
                        verification.workPages(),
                        verification.guestMismatches())
                + nl
                + "  runs on   " + verification.runsOn()
                + (verification.runsOn() == Verification.RunsOn.DESTINATION ? ", and only there" : "!");
    }

    /**
     * In postcopy the guest goes on before its memory is there: the longest gap of all may be one of its waits for
     * pages.
     */
    private static String switchPause(Pause pause) {
        return String.format(
                Locale.ROOT,
                "  pause     %.1f ms from the last heartbeat at the source to the first at the destination%n"
                        + "            (longest gap within a second of it: %.1f ms; in the second before: %.1f ms)",
                pause.handoverMicros() / 1e3,
                pause.acrossMicros() / 1e3,
                pause.beforeMicros() / 1e3);
    }

    private static String pause(Pause pause) {
        String line = String.format(
                Locale.ROOT,
                "  pause     %.1f ms between two beats of the guest's own heart (in the second before: %.1f ms)",
                pause.acrossMicros() / 1e3,
                pause.beforeMicros() / 1e3);
        return pause.acrossMicros() == pause.handoverMicros()
                ? line
                : line
                        + String.format(
                                Locale.ROOT,
                                "%n            %.1f ms from the last at the source to the first at the destination",
                                pause.handoverMicros() / 1e3);
    }
}
