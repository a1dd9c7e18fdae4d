// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.Collection;
import java.util.stream.LongStream;

/** Bars and columns of characters, block elements where the terminal can show them. */
final class Drawing {
    static final int WIDTH = 32;

    private static final String EIGHTHS = "\u2591\u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588";
    private static final String HEIGHTS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
    private static final String PLAIN_HEIGHTS = "_.-=+*%#";

    private final boolean unicode;

    Drawing(boolean unicode) {
        this.unicode = unicode;
    }

    /** A bar of {@link #WIDTH} that is filled to that share. */
    String bar(double share) {
        double clean = Double.isNaN(share) ? 0 : Math.clamp(share, 0, 1);
        int eighths = (int) Math.round(clean * WIDTH * 8);
        StringBuilder bar = new StringBuilder(WIDTH);
        for (int i = 0; i < WIDTH; i++) {
            int part = Math.clamp(eighths - i * 8L, 0, 8);
            if (unicode) {
                bar.append(EIGHTHS.charAt(part));
            } else {
                bar.append(part >= 4 ? '#' : '.');
            }
        }
        return bar.toString();
    }

    /** A column for each value, the highest one full; {@link #WIDTH} wide. */
    String columns(Collection<Long> values) {
        return columns(values.stream().mapToLong(Long::longValue).toArray(), 1);
    }

    /** A histogram: each value's column is so many characters wide, nothing is blank; {@link #WIDTH} wide. */
    String histogram(long[] values) {
        return columns(values, Math.max(1, WIDTH / values.length));
    }

    private String columns(long[] values, int wide) {
        long highest = Math.max(1, LongStream.of(values).max().orElse(1));
        StringBuilder line = new StringBuilder(WIDTH);
        for (long value : values) {
            int height = (int) (value * 7 / highest);
            char column = (unicode ? HEIGHTS : PLAIN_HEIGHTS).charAt(height);
            line.repeat(wide > 1 && value == 0 ? ' ' : column, wide);
        }
        return line.repeat(' ', Math.max(0, WIDTH - line.length())).toString();
    }
}
