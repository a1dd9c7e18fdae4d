// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;

/**
 * Four lines that are drawn again and again in place: how much is left of this pass, what the wire carries and carried,
 * what the guest dirties against that, and how long the guest would stand still if it were stopped now; a fifth, what
 * is taken from its time, if anything is or was. In postcopy: how much has arrived, how many faults were served and
 * wait, and how long those of the last moment took.
 */
final class TerminalProgress implements ProgressView {
    private static final Duration INTERVAL = Duration.ofMillis(100);
    private static final int HISTORY = 32;
    // The histogram of faults: 16 doublings from 16 us on, two characters each.
    private static final int FIRST_DOUBLING = 4;
    private static final int DOUBLINGS = 16;
    private static final String ESC = "\u001b[";

    private final PrintWriter out;
    private final Drawing drawing;
    private final Deque<Long> wire = new ArrayDeque<>();
    private final Deque<Long> faultRates = new ArrayDeque<>();
    private long lastServed;
    private long lastTransferred;
    private long lastMillis;
    private int linesDrawn;

    /**
     * Draws on a terminal.
     *
     * @param unicode whether it can show block elements
     */
    TerminalProgress(PrintWriter out, boolean unicode) {
        this.out = out;
        this.drawing = new Drawing(unicode);
    }

    @Override
    public Duration interval() {
        return INTERVAL;
    }

    @Override
    public void show(MigrationSample sample) {
        if (sample.hasFigures()) {
            keep(sample);
            erase();
            // A line that is wrapped would take two to erase: what does not fit is cut off.
            out.print(ESC + "?7l");
            if (sample.isPostcopy() && sample.faults().isPresent()) {
                drawFaults(sample, sample.faults().get());
            } else if (sample.isProtected()) {
                drawProtection(sample);
            } else {
                drawPasses(sample);
            }
            out.print(ESC + "?7h");
            out.flush();
        }
    }

    @Override
    public void note(String sentence) {
        erase();
        out.println("  " + sentence);
        out.flush();
    }

    @Override
    public void end(MigrationSample last) {
        erase();
        out.flush();
    }

    private void keep(MigrationSample sample) {
        long millis = sample.totalTimeMillis() - lastMillis;
        if (millis > 0 && lastMillis > 0) {
            keep(wire, (sample.transferredBytes() - lastTransferred) * 1000 / millis);
            sample.faults().ifPresent(faults -> keep(faultRates, (faults.served() - lastServed) * 1000 / millis));
        }
        lastServed = sample.faults().map(FaultSample::served).orElse(0L);
        lastTransferred = sample.transferredBytes();
        lastMillis = sample.totalTimeMillis();
    }

    private static void keep(Deque<Long> history, long value) {
        history.addLast(Math.max(0, value));
        if (history.size() > HISTORY) {
            history.removeFirst();
        }
    }

    /** What the guest at the destination waits for, and how long. */
    private void drawFaults(MigrationSample s, FaultSample faults) {
        long missingBytes = faults.missingPages() * s.pageBytes();
        double present = 1 - (double) missingBytes / s.totalBytes();
        line(String.format(
                Locale.ROOT,
                "%-14s %s %3.0f %%  %,d pages missing",
                "memory there",
                drawing.bar(present),
                present * 100,
                faults.missingPages()));
        line(String.format(
                Locale.ROOT,
                "%-14s %s %,d/s, %d waiting",
                "faults",
                drawing.columns(faultRates),
                faultRates.isEmpty() ? 0 : faultRates.getLast(),
                faults.waiting()));
        LatencyCounts lately = faults.lately();
        line(String.format(
                Locale.ROOT,
                "%-14s %s %s",
                "16 us ... 1 s",
                drawing.histogram(lately.doublings(FIRST_DOUBLING, DOUBLINGS)),
                lately.count() == 0
                        ? "none lately"
                        : "p50 " + TimeSpan.text(lately.percentileNanos(50)) + ", p99 "
                                + TimeSpan.text(lately.percentileNanos(99))));
        line(String.format(
                Locale.ROOT,
                "%-15s%-" + Drawing.WIDTH + "s %.1f s, %s sent",
                s.status(),
                String.format(Locale.ROOT, " %,d faults served", faults.served()),
                s.totalTimeMillis() / 1e3,
                ByteSize.decimal(s.transferredBytes())));
    }

    private void drawProtection(MigrationSample s) {
        s.colo().ifPresent(colo -> {
            line(String.format(
                    Locale.ROOT, "%-14s %,d of %,d pages each", "checkpoints", colo.checkpoints(), colo.pagesEach()));
            line(String.format(Locale.ROOT, "%-14s %s", "pause", colo.pause()));
            line(String.format(
                    Locale.ROOT,
                    "%-14s %,d held, %,d compared, %,d differed",
                    "outputs",
                    colo.heldOutputs(),
                    colo.compared(),
                    colo.divergences()));
        });
        line(String.format(
                Locale.ROOT,
                "%-14s %.1f s, %s sent",
                s.status(),
                s.totalTimeMillis() / 1e3,
                ByteSize.decimal(s.transferredBytes())));
        s.error().ifPresent(this::line);
    }

    private void drawPasses(MigrationSample s) {
        long current = wire.isEmpty() ? s.bandwidthBytesPerSecond() : wire.getLast();
        double sent = 1 - (double) s.remainingBytes() / s.totalBytes();
        double dirty = current == 0 ? 0 : (double) s.dirtyBytesPerSecond() / current;
        line(String.format(
                Locale.ROOT,
                "%-14s %s %3.0f %%  %,d pages left",
                "pass " + s.pass(),
                drawing.bar(sent),
                sent * 100,
                s.remainingBytes() / s.pageBytes()));
        line(String.format(Locale.ROOT, "%-14s %s %s/s", "wire", drawing.columns(wire), ByteSize.decimal(current)));
        line(String.format(
                Locale.ROOT,
                "%-14s %s %3.0f %%  %s/s dirtied",
                "dirty : wire",
                drawing.bar(dirty),
                dirty * 100,
                ByteSize.decimal(s.dirtyBytesPerSecond())));
        ThrottleSample throttle = s.throttle();
        if (throttle.isWorthShowing()) {
            line(String.format(
                    Locale.ROOT,
                    "%-14s %s %3d %%  highest %d %%",
                    "throttle",
                    drawing.bar(throttle.percent() / 100.0),
                    throttle.percent(),
                    throttle.highestPercent()));
        }
        line(String.format(
                Locale.ROOT,
                "%-14s %-" + Drawing.WIDTH + "s %.1f s, %s sent",
                s.status(),
                outlook(s),
                s.totalTimeMillis() / 1e3,
                ByteSize.decimal(s.transferredBytes())));
        drawSentence(s);
    }

    /** One line more where there is something to know: why it may not end, what would help, what was chosen. */
    private void drawSentence(MigrationSample s) {
        s.outlook()
                .filter(outlook -> s.status().equals("active"))
                .map(OutlookSample::sentence)
                .filter(sentence -> !sentence.isEmpty())
                .ifPresent(this::line);
        s.warning().ifPresent(this::line);
    }

    private static String outlook(MigrationSample s) {
        if (s.isAtPreSwitchover()) {
            return PlainProgress.AT_PRE_SWITCHOVER;
        }
        if (s.outlook().isPresent() && !s.isPostcopy()) {
            return s.outlook().get().text() + ", pause " + s.expectedDowntimeMillis() + " ms";
        }
        return s.expectedDowntimeMillis() > 0 && !s.isPostcopy()
                ? "pause if stopped now: " + s.expectedDowntimeMillis() + " ms"
                : "";
    }

    private void line(String text) {
        out.print("  " + text + "\n");
        linesDrawn++;
    }

    private void erase() {
        if (linesDrawn > 0) {
            out.print(ESC + linesDrawn + "A" + ESC + "J");
            linesDrawn = 0;
        }
    }
}
