// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * A guest and a wire, drawn at random.
 *
 * @param software whether it runs without KVM, where tracking does not slow its writes
 * @param tooFast whether it was drawn to write more than the wire carries, from slightly to clearly
 */
record ForecastWorkload(
        boolean software,
        boolean tooFast,
        int memoryMib,
        int setMib,
        int pagesPerSecond,
        boolean random,
        long bytesPerSecond) {
    private static final double PAGE_BYTES = 4096;

    /** What QEMU and Godwit allow the pause to be unless told otherwise. */
    private static final double DOWNTIME_LIMIT_SECONDS = 0.3;

    /** What KVM lets a guest write that is tracked, where that is dear, and a memory guest. */
    private static final double FASTEST_ON_KVM = 22_000;

    private static final double FASTEST_IN_SOFTWARE = 190_000;

    /** Anything: sets and wires over their orders of magnitude. */
    static ForecastWorkload next(SplittableRandom random) {
        int memory = 128 << random.nextInt(3);
        int set = random.nextInt(8, memory - memory / 8);
        // Both are spread over their orders of magnitude.
        int rate = (int) spread(random, 500, 80_000);
        long bandwidth = (long) spread(random, 40e6, 400e6);
        return new ForecastWorkload(false, false, memory, set, rate, random.nextBoolean(), bandwidth);
    }

    /** One that writes 1.05 to 4 times what the wire carries, over two to ten times what fits into the pause. */
    static ForecastWorkload nextTooFast(SplittableRandom random, boolean software) {
        double fastest = software ? FASTEST_IN_SOFTWARE : FASTEST_ON_KVM;
        double times = spread(random, 1.05, 4);
        double fastestWire = Math.min(software ? 200e6 : 60e6, fastest * PAGE_BYTES / times);
        double bandwidth = spread(random, software ? 40e6 : 10e6, fastestWire);
        // On a slow wire a large guest would take all of the benchmark's time for its first pass.
        int memory = bandwidth < 30e6 ? 128 : 128 << random.nextInt(3);
        double fitting = bandwidth * DOWNTIME_LIMIT_SECONDS / (1 << 20);
        int set = (int) Math.clamp(fitting * spread(random, 2, 10), 8, memory - memory / 8.0);
        return new ForecastWorkload(
                software, true, memory, set, (int) (bandwidth / PAGE_BYTES * times), random.nextBoolean(), (long)
                        bandwidth);
    }

    private static double spread(SplittableRandom random, double from, double to) {
        return Math.exp(random.nextDouble(Math.log(from), Math.log(to)));
    }

    /** Its host, or the one that waits for it. */
    Host host(boolean qemu, boolean incoming) throws Exception {
        if (qemu) {
            String load = "set=" + setMib + " rate=" + pagesPerSecond + " random=" + (random ? 1 : 0);
            return software
                    ? Host.softwareQemu("" + memoryMib, load, incoming)
                    : Host.qemu("" + memoryMib, load, incoming);
        }
        List<String> words = new ArrayList<>(List.of("--guest", software ? "memory" : "auto"));
        words.addAll(List.of("--memory", memoryMib + "M"));
        words.addAll(List.of("--working-set", setMib + "M", "--dirty-rate", "" + pagesPerSecond));
        words.addAll(List.of("--write-order", random ? "random" : "sweep"));
        if (incoming) {
            words.addAll(List.of("--incoming", "tcp:127.0.0.1:0"));
        }
        return Host.godwit(words);
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s%4d MiB, set %4d MiB, %6d pages/s %s (%.2f of the wire), %3.0f MB/s",
                software ? "software" : "        ",
                memoryMib,
                setMib,
                pagesPerSecond,
                random ? "random" : "sweep ",
                pagesPerSecond * PAGE_BYTES / bytesPerSecond,
                bytesPerSecond / 1e6);
    }
}
