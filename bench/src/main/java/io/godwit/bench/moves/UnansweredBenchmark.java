// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.List;
import java.util.Locale;

/**
 * What it costs to ask a guest for its free pages that never answers: its first pass, and all bytes, beside those of
 * the same guest that is not asked. The moves alternate, which of the two is first too.
 */
public final class UnansweredBenchmark {
    private static final long SECOND = 1_000_000_000L;

    private final Series notAskedMillis = new Series("not asked: first pass", "ms");
    private final Series askedMillis = new Series("asked, never answers: first pass", "ms");
    private final Series notAskedMegabytes = new Series("not asked: all bytes", "MB");
    private final Series askedMegabytes = new Series("asked, never answers: all bytes", "MB");
    private final Series timeRatio = new Series("first pass, asked to not asked, in pairs", "");
    private final Series bytesRatio = new Series("all bytes, asked to not asked, in pairs", "");

    private UnansweredBenchmark() {}

    /** Measures {@code runs} pairs of moves. */
    public static void run(int runs) throws Exception {
        UnansweredBenchmark benchmark = new UnansweredBenchmark();
        // Not measured: the first move of a benchmark finds less memory in the host's hands.
        move(false, new Series("", ""), new Series("", ""));
        for (int i = 0; i < runs; i++) {
            for (int turn = 0; turn < 2; turn++) {
                boolean asked = (i + turn) % 2 == 1;
                move(
                        asked,
                        asked ? benchmark.askedMillis : benchmark.notAskedMillis,
                        asked ? benchmark.askedMegabytes : benchmark.notAskedMegabytes);
            }
            benchmark.timeRatio.add(benchmark.askedMillis.last() / benchmark.notAskedMillis.last());
            benchmark.bytesRatio.add(benchmark.askedMegabytes.last() / benchmark.notAskedMegabytes.last());
        }
        benchmark.print();
    }

    private static void move(boolean asked, Series millis, Series megabytes) throws Exception {
        List<String> guest = List.of(
                "--guest",
                "kvm",
                "--memory",
                "1G",
                "--fill",
                "random",
                "--program",
                "dirtier",
                "--mute",
                "--working-set",
                "128M",
                "--dirty-rate",
                "1000");
        HintedMove.run(asked ? "asked, never answers" : "not asked", guest, asked, SECOND / 2, millis, megabytes);
    }

    private void print() {
        for (Series series :
                List.of(notAskedMillis, askedMillis, notAskedMegabytes, askedMegabytes, timeRatio, bytesRatio)) {
            System.out.println(series);
        }
        double spread = (notAskedMillis.quantile(1) - notAskedMillis.quantile(0)) / notAskedMillis.median();
        System.out.printf(
                Locale.ROOT,
                "ratio of the medians: first pass %.3f, all bytes %.4f; moves of a guest that is not asked differ by "
                        + "%.0f %% among themselves%n",
                askedMillis.median() / notAskedMillis.median(),
                askedMegabytes.median() / notAskedMegabytes.median(),
                100 * spread);
    }
}
