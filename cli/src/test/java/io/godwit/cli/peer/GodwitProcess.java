// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.cli.Main;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The {@code godwit} command as a user runs it: a process of its own, from the classes under test.
 *
 * @param status what it exited with
 * @param out its standard output
 * @param err its standard error
 */
record GodwitProcess(int status, String out, String err) {
    /**
     * Runs it to its end.
     *
     * @param directory for what it writes
     * @throws IOException if it has not ended by itself in time
     */
    static GodwitProcess run(Path directory, Duration atMost, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=io.godwit.linux,com.github.luben.zstd_jni",
                "-p",
                System.getProperty("jdk.module.path"),
                "-m",
                "io.godwit.cli/" + Main.class.getName()));
        command.addAll(List.of(arguments));
        Path out = directory.resolve("godwit.out");
        Path err = directory.resolve("godwit.err");
        Process process = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        try {
            if (!process.waitFor(atMost.toSeconds(), TimeUnit.SECONDS)) {
                throw new IOException("godwit " + String.join(" ", arguments) + " has not ended within "
                        + atMost.toSeconds() + " s; it wrote: " + read(out) + read(err));
            }
            return new GodwitProcess(process.exitValue(), read(out), read(err));
        } finally {
            process.destroyForcibly();
        }
    }

    private static String read(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.UTF_8);
    }
}
