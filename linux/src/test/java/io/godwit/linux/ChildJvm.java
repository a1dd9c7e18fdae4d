// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a main class of the tests in a JVM of its own, for what could hang or end the JVM that runs the tests. */
public final class ChildJvm {
    private static final long LIMIT_SECONDS = 90;

    private ChildJvm() {}

    /** Runs {@code main} and fails if it does not end well in time; returns what it printed. */
    public static String run(Path directory, Class<?> main, String... options)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-XX:-CreateCoredumpOnCrash");
        command.addAll(List.of(options));
        command.addAll(List.of("-ea", "-cp", "target/classes:target/test-classes", main.getName()));
        Path output = directory.resolve(main.getSimpleName() + ".txt");
        Process child = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = child.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
        if (!ended) {
            // A JVM that hangs at a safepoint does not answer to SIGTERM.
            child.destroyForcibly().waitFor();
        }
        String printed = Files.readString(output);
        assertThat(ended)
                .as("%s ends within %d s; it printed:%n%s", main.getSimpleName(), LIMIT_SECONDS, printed)
                .isTrue();
        assertThat(child.exitValue())
                .as("exit status of %s; it printed:%n%s", main.getSimpleName(), printed)
                .isZero();
        return printed;
    }
}
