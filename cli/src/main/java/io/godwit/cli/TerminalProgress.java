// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;

/**
 * Four lines that are drawn again and again in place: how much is left of this pass, what the wire carries and carried, what the guest
 * dirties against that, and how long the guest would stand still if it were stopped now.
 */
final class TerminalProgress implements ProgressView {
    private static final Duration INTERVAL = Duration.ofMillis(100);
    private static final int BAR = 32;
    private static final int HISTORY = 32;
    private static final String EIGHTHS = "\u2591\u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588";
    private static final String HEIGHTS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
    private static final String ESC = "\u001b[";

    private final PrintWriter out;
    private final boolean unicode;
    private final Deque<Long> wire = new ArrayDeque<>();
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
        this.unicode = unicode;
    }

    @Override
    public Duration interval() {
        return INTERVAL;
    }

    @Override
    public void show(MigrationSample sample) {
        if (sample.hasFigures()) {
            note(sample);
            draw(sample);
        }
    }

    @Override
    public void end(MigrationSample last) {
        erase();
        if (!last.isCompleted()) {
            out.println(PlainProgress.line(last));
        }
        out.flush();
    }

    private void note(MigrationSample sample) {
        long millis = sample.totalTimeMillis() - lastMillis;
        if (millis > 0 && lastMillis > 0) {
            wire.addLast(Math.max(0, (sample.transferredBytes() - lastTransferred) * 1000 / millis));
            if (wire.size() > HISTORY) {
                wire.removeFirst();
            }
        }
        lastTransferred = sample.transferredBytes();
        lastMillis = sample.totalTimeMillis();
    }

    private void draw(MigrationSample s) {
        long current = wire.isEmpty() ? s.bandwidthBytesPerSecond() : wire.getLast();
        double sent = 1 - (double) s.remainingBytes() / s.totalBytes();
        double dirty = current == 0 ? 0 : (double) s.dirtyBytesPerSecond() / current;
        erase();
        // A line that is wrapped would take two to erase: what does not fit is cut off.
        out.print(ESC + "?7l");
        line(String.format(
                Locale.ROOT,
                "%-14s %s %3.0f %%  %,d pages left",
                "pass " + s.pass(),
                bar(sent),
                sent * 100,
                s.remainingBytes() / s.pageBytes()));
        line(String.format(Locale.ROOT, "%-14s %s %s/s", "wire", sparkline(), ByteSize.decimal(current)));
        line(String.format(
                Locale.ROOT,
                "%-14s %s %3.0f %%  %s/s dirtied",
                "dirty : wire",
                bar(dirty),
                dirty * 100,
                ByteSize.decimal(s.dirtyBytesPerSecond())));
        line(String.format(
                Locale.ROOT,
                "%-14s %-" + BAR + "s %.1f s, %s sent",
                s.status(),
                outlook(s),
                s.totalTimeMillis() / 1e3,
                ByteSize.decimal(s.transferredBytes())));
        out.print(ESC + "?7h");
        out.flush();
    }

    private static String outlook(MigrationSample s) {
        if (s.isAtPreSwitchover()) {
            return PlainProgress.AT_PRE_SWITCHOVER;
        }
        return s.expectedDowntimeMillis() > 0 ? "pause if stopped now: " + s.expectedDowntimeMillis() + " ms" : "";
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

    private String bar(double share) {
        double clean = Double.isNaN(share) ? 0 : Math.clamp(share, 0, 1);
        int eighths = (int) Math.round(clean * BAR * 8);
        StringBuilder bar = new StringBuilder(BAR);
        for (int i = 0; i < BAR; i++) {
            int part = Math.clamp(eighths - i * 8L, 0, 8);
            if (unicode) {
                bar.append(EIGHTHS.charAt(part));
            } else {
                bar.append(part >= 4 ? '#' : '.');
            }
        }
        return bar.toString();
    }

    private String sparkline() {
        long highest = wire.stream().mapToLong(Long::longValue).max().orElse(1);
        StringBuilder line = new StringBuilder(BAR);
        for (long rate : wire) {
            int height = (int) (rate * 7 / Math.max(1, highest));
            line.append(unicode ? HEIGHTS.charAt(height) : "_.-=+*%#".charAt(height));
        }
        while (line.length() < BAR) {
            line.append(' ');
        }
        return line.toString();
    }
}
