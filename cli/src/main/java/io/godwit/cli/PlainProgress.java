// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;

/** A line for each pass and each second, for logs. */
final class PlainProgress implements ProgressView {
    static final String AT_PRE_SWITCHOVER = "the guest stands still until migrate-continue";

    private static final Duration INTERVAL = Duration.ofMillis(200);
    private static final long LINE_EVERY_MILLIS = 1000;
    private static final long POSTCOPY_LINE_EVERY_MILLIS = 200;

    private final PrintWriter out;
    private String lastStatus = "";
    private long lastPass = -1;
    private boolean warned;
    private long lastLineMillis;
    private String lastSentence = "";

    PlainProgress(PrintWriter out) {
        this.out = out;
    }

    @Override
    public Duration interval() {
        return INTERVAL;
    }

    @Override
    public void show(MigrationSample sample) {
        boolean news = !sample.status().equals(lastStatus)
                || (sample.pass() != lastPass && !sample.isProtected())
                || sample.warning().isPresent() != warned
                || (sample.totalTimeMillis() - lastLineMillis
                                >= (sample.isPostcopy() ? POSTCOPY_LINE_EVERY_MILLIS : LINE_EVERY_MILLIS)
                        && !sample.isAtPreSwitchover()
                        && !sample.isPaused());
        if (!news) {
            return;
        }
        lastStatus = sample.status();
        lastPass = sample.pass();
        warned = sample.warning().isPresent();
        lastLineMillis = sample.totalTimeMillis();
        out.println(line(sample));
        sample.outlook()
                .filter(outlook -> sample.status().equals("active"))
                .map(OutlookSample::sentence)
                .filter(sentence -> !sentence.isEmpty() && !sameButFigures(sentence, lastSentence))
                .ifPresent(sentence -> {
                    lastSentence = sentence;
                    out.println("  " + sentence);
                });
        sample.warning().ifPresent(warning -> out.println("  " + warning));
        out.flush();
    }

    @Override
    public void note(String sentence) {
        out.println(sentence);
        out.flush();
    }

    @Override
    public void end(MigrationSample last) {
        // A summary or a sentence follows.
    }

    /** A sentence whose numbers alone have changed is no news. */
    private static boolean sameButFigures(String one, String other) {
        return one.replaceAll("[0-9.]+", "").equals(other.replaceAll("[0-9.]+", ""));
    }

    static String line(MigrationSample s) {
        boolean erred = s.error().isPresent() && (!s.isPostcopy() || s.isPaused());
        if (!s.hasFigures() || erred) {
            return s.status() + s.error().map(error -> ": " + error).orElse("");
        }
        if (s.isAtPreSwitchover()) {
            return s.status() + ": " + AT_PRE_SWITCHOVER;
        }
        if (s.isPostcopy()) {
            return postcopyLine(s);
        }
        if (s.isProtected()) {
            return s.protectionLine();
        }
        String line = String.format(
                Locale.ROOT,
                "%s: %.1f s, pass %d, %,d pages left (%s of %s), dirty %s/s against %s/s, expected downtime %d ms",
                s.status(),
                s.totalTimeMillis() / 1e3,
                s.pass(),
                s.remainingBytes() / s.pageBytes(),
                ByteSize.binary(s.remainingBytes()),
                ByteSize.binary(s.totalBytes()),
                ByteSize.decimal(s.dirtyBytesPerSecond()),
                ByteSize.decimal(s.bandwidthBytesPerSecond()),
                s.expectedDowntimeMillis());
        ThrottleSample throttle = s.throttle();
        String taken = throttle.isWorthShowing()
                ? ", throttle " + throttle.percent() + " % (highest " + throttle.highestPercent() + " %)"
                : "";
        return line + taken + s.outlook().map(outlook -> ", " + outlook.text()).orElse("");
    }

    private static String postcopyLine(MigrationSample s) {
        String head = String.format(Locale.ROOT, "%s: %.1f s, ", s.status(), s.totalTimeMillis() / 1e3);
        if (s.faults().isEmpty()) {
            return head
                    + String.format(
                            Locale.ROOT,
                            "%,d pages to go, %s sent",
                            s.remainingBytes() / s.pageBytes(),
                            ByteSize.decimal(s.transferredBytes()));
        }
        FaultSample faults = s.faults().get();
        String line = head
                + String.format(
                        Locale.ROOT,
                        "%,d pages missing (%s of %s), %,d faults served, %d waiting",
                        faults.missingPages(),
                        ByteSize.binary(faults.missingPages() * s.pageBytes()),
                        ByteSize.binary(s.totalBytes()),
                        faults.served(),
                        faults.waiting());
        LatencyCounts lately = faults.lately();
        return lately.count() == 0
                ? line
                : line + ", lately p50 " + TimeSpan.text(lately.percentileNanos(50)) + ", p99 "
                        + TimeSpan.text(lately.percentileNanos(99));
    }
}
