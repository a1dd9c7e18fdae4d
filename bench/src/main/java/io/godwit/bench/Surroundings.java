// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;

/** Where a figure was measured: printed before each benchmark, because a figure without it says nothing. */
final class Surroundings {
    private Surroundings() {}

    /** Prints machine, kernel, JDK and what else runs. */
    static void print(String benchmark) throws IOException {
        String kernel = Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip();
        String load = Files.readString(Path.of("/proc/loadavg")).strip();
        System.out.printf(
                Locale.ROOT, "%n==== %s, %s%n", benchmark, Instant.now().truncatedTo(ChronoUnit.SECONDS));
        System.out.printf(
                Locale.ROOT,
                "machine: %s, %d processors, %d MiB; kernel %s; transparent huge pages %s; load average %s%n",
                field("/proc/cpuinfo", "model name"),
                Runtime.getRuntime().availableProcessors(),
                Long.parseLong(field("/proc/meminfo", "MemTotal").replace(" kB", "")) >> 10,
                kernel,
                hugePages(),
                load);
        System.out.printf(
                Locale.ROOT, "jdk: %s %s%n", System.getProperty("java.vm.name"), System.getProperty("java.vm.version"));
    }

    private static String field(String file, String name) throws IOException {
        return Files.readString(Path.of(file))
                .lines()
                .filter(line -> line.startsWith(name))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse("unknown");
    }

    private static String hugePages() throws IOException {
        Path setting = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
        return Files.exists(setting) ? Files.readString(setting).strip() : "not built in";
    }
}
