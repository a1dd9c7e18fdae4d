// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Safepoints of JVMs, from their logs ({@code -Xlog:safepoint:file=...:timenanos}, on the clock of {@link
 * System#nanoTime}).
 */
final class Pauses {
    private static final Pattern LINE =
            Pattern.compile("\\[([0-9]+)ns\\].*Safepoint \"([^\"]+)\".*?Total: *([0-9]+) ns.*");

    private final Series collections = new Series("collections", "ms");
    private final Series others = new Series("other safepoints", "ms");

    /** Adds those that ended from {@code begin} to {@code end}. */
    void add(Path log, long begin, long end) throws IOException {
        for (String line : Files.readAllLines(log)) {
            Matcher matcher = LINE.matcher(line);
            if (matcher.matches()) {
                long time = Long.parseLong(matcher.group(1));
                if (time >= begin && time <= end) {
                    String kind = matcher.group(2);
                    boolean collection =
                            kind.contains("Collect") || kind.contains("GC") || kind.startsWith("SerialCollect");
                    (collection ? collections : others).add(Long.parseLong(matcher.group(3)) / 1e6);
                }
            }
        }
    }

    /** The longest pause of any kind, in milliseconds. */
    double longestMillis() {
        double first = collections.count() == 0 ? 0 : collections.quantile(1);
        return Math.max(first, others.count() == 0 ? 0 : others.quantile(1));
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%s; %s", collections, others);
    }
}
