// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The program in C that does nothing but move the bytes; see floor.c. */
final class Floor {
    static final Path PROGRAM = Path.of(System.getProperty("godwit.root", "."), "bench/target/native/floor");

    /** One run. */
    record Run(double bytesPerSecond, double senderCpuSeconds, double receiverCpuSeconds) {}

    private Floor() {}

    static boolean isBuilt() {
        return Files.isExecutable(PROGRAM);
    }

    /**
     * Touches memory and frees it, as the floor does before it runs: a machine that is itself a guest may have to get
     * its free memory back from its host, and that would be measured instead. Without the program it does nothing.
     */
    static void warm() throws IOException, InterruptedException {
        warm(1024);
    }

    /** {@link #warm()} for a guest of so many MiB. What is free for a second or two may be taken away again. */
    static void warm(int mebibytes) throws IOException, InterruptedException {
        if (isBuilt()) {
            int _ = new ProcessBuilder(PROGRAM.toString(), "-w", "-r", "0", "-b", Integer.toString(mebibytes))
                    .start()
                    .waitFor();
        }
    }

    /** Runs it once over 1 GiB, with these options besides. */
    static Run run(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(PROGRAM.toString(), "-w", "-r", "1"));
        command.addAll(List.of(options));
        Map<String, Double> values = values(command);
        return new Run(
                values.getOrDefault("bytes_per_second", Double.NaN),
                values.getOrDefault("sender_cpu_seconds", Double.NaN),
                values.getOrDefault("receiver_cpu_seconds", Double.NaN));
    }

    /** Runs a program that prints one line of NAME=NUMBER words. */
    static Map<String, Double> values(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException("the floor failed: " + output);
        }
        Map<String, Double> values = new HashMap<>();
        for (String word : output.strip().split(" ", -1)) {
            int at = word.indexOf('=');
            values.put(word.substring(0, at), Double.valueOf(word.substring(at + 1)));
        }
        return values;
    }
}
