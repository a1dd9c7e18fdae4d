// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * The program in C that does nothing but answer faults; see faultfloor.c.
 *
 * @param touched from the touch until the vCPU went on, by its own clock
 * @param handled from the event read until the page placed, as the handler sees it
 * @param late touches that took more than 5 ms
 * @param pushBytesPerSecond of its push, if it had one
 * @param nanosACycle of the vCPU's time stamp counter
 */
record FaultFloor(Quantiles touched, Quantiles handled, long late, double pushBytesPerSecond, double nanosACycle) {
    private static final Path PROGRAM =
            Path.of(System.getProperty("godwit.root", "."), "bench/target/native/faultfloor");

    static boolean isBuilt() {
        return Files.isExecutable(PROGRAM);
    }

    /** Takes so many faults of a vCPU, with these options besides. */
    static FaultFloor run(int faults, String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(PROGRAM.toString(), "-v", "-n", Integer.toString(faults)));
        command.addAll(List.of(options));
        Map<String, Double> values = Floor.values(command);
        return new FaultFloor(
                quantiles(faults, values, ""),
                quantiles(faults, values, "handled_"),
                values.getOrDefault("over_5ms", Double.NaN).longValue(),
                values.getOrDefault("push_bytes_per_second", Double.NaN),
                values.getOrDefault("nanos_a_cycle", Double.NaN));
    }

    /** The run in the middle of several by its p99. */
    static FaultFloor middle(int runs, int faults, String... options) throws IOException, InterruptedException {
        List<FaultFloor> all = new ArrayList<>();
        for (int i = 0; i < runs; i++) {
            all.add(run(faults, options));
        }
        all.sort(Comparator.comparingDouble(floor -> floor.touched.p99()));
        return all.get(all.size() / 2);
    }

    private static Quantiles quantiles(int faults, Map<String, Double> values, String prefix) {
        return new Quantiles(
                faults,
                values.getOrDefault(prefix + "p50_us", Double.NaN),
                values.getOrDefault(prefix + "p99_us", Double.NaN),
                values.getOrDefault(prefix + "p999_us", Double.NaN),
                values.getOrDefault(prefix + "max_us", Double.NaN));
    }
}
