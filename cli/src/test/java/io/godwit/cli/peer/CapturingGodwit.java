// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;

import io.godwit.cli.Main;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A {@code godwit} process that a test ends before its time. */
final class CapturingGodwit implements AutoCloseable {
    private final Process process;
    private final Path err;

    private CapturingGodwit(Process process, Path err) {
        this.process = process;
        this.err = err;
    }

    static CapturingGodwit start(Path directory, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=io.godwit.linux,com.github.luben.zstd_jni",
                "-p",
                System.getProperty("jdk.module.path"),
                "-m",
                "io.godwit.cli/" + Main.class.getName()));
        command.addAll(List.of(arguments));
        Path err = Files.createTempFile(directory, "godwit", ".err");
        return new CapturingGodwit(
                new ProcessBuilder(command)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .redirectError(err.toFile())
                        .start(),
                err);
    }

    /** Waits so long for its end; whether it has ended. */
    boolean endsWithin(long millis) throws InterruptedException {
        return process.waitFor(millis, TimeUnit.MILLISECONDS);
    }

    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** As Ctrl-C. */
    void terminate() {
        process.destroy();
    }

    /** Waits for its end and gives its status. */
    int awaitEnd() throws IOException, InterruptedException {
        if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            throw new IOException("godwit has not ended; it wrote: " + err());
        }
        return process.exitValue();
    }

    String err() throws IOException {
        return Files.readString(err);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
