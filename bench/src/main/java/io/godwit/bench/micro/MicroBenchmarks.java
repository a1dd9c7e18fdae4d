// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.micro;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/** Runs the microbenchmarks and prints each as a ratio to the floor in its class. */
public final class MicroBenchmarks {
    private static final String FLOOR = "floor";
    private static final int FORKS = 3;
    private static final int WARM_UP = 5;
    private static final int MEASURED = 10;

    private MicroBenchmarks() {}

    /**
     * Runs the benchmarks whose names contain {@code pattern}.
     *
     * @param quick one fork and few iterations, for a first look
     */
    public static void run(String pattern, boolean quick) {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("io\\.godwit\\.bench\\.micro\\..*" + pattern)
                .forks(quick ? 1 : FORKS)
                .warmupIterations(quick ? 2 : WARM_UP)
                .measurementIterations(quick ? 4 : MEASURED)
                .warmupTime(TimeValue.milliseconds(200))
                .measurementTime(TimeValue.milliseconds(200))
                .jvmArgsAppend(
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-Xmx512m",
                        "-XX:+UseSerialGC");
        try {
            Collection<RunResult> results = new Runner(options.build()).run();
            System.out.println();
            for (String line : ratios(results)) {
                System.out.println(line);
            }
        } catch (RunnerException e) {
            throw new IllegalStateException("JMH could not run: " + e.getMessage(), e);
        }
    }

    /** A line for each class and set of parameters: medians, and their ratio to the floor's. */
    private static List<String> ratios(Collection<RunResult> results) {
        Map<String, Map<String, RunResult>> groups = new LinkedHashMap<>();
        for (RunResult result : results) {
            String[] name = result.getParams().getBenchmark().split("\\.", -1);
            String group = name[name.length - 2].replace("Benchmark", "") + parameters(result);
            groups.computeIfAbsent(group, _ -> new LinkedHashMap<>()).put(name[name.length - 1], result);
        }
        List<String> lines = new ArrayList<>();
        groups.forEach((group, methods) -> {
            double floor = methods.entrySet().stream()
                    .filter(method -> method.getKey().startsWith(FLOOR))
                    .mapToDouble(method -> median(method.getValue()))
                    .findFirst()
                    .orElse(Double.NaN);
            methods.forEach((method, result) -> lines.add(String.format(
                    Locale.ROOT,
                    "%-44s %-20s median %10.1f us, n %d%s",
                    group,
                    method,
                    median(result),
                    result.getPrimaryResult().getStatistics().getN(),
                    method.startsWith(FLOOR)
                            ? ""
                            : String.format(Locale.ROOT, ", %.2f of the floor's time", median(result) / floor))));
        });
        return lines;
    }

    private static double median(RunResult result) {
        return result.getPrimaryResult().getStatistics().getPercentile(50);
    }

    private static String parameters(RunResult result) {
        return result.getParams().getParamsKeys().stream()
                .map(key -> " " + key + "=" + result.getParams().getParam(key))
                .collect(Collectors.joining());
    }
}
