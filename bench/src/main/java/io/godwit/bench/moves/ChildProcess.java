// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A program under measurement: its first line of a kind, its CPU time, its end. */
final class ChildProcess implements AutoCloseable {
    private static final double TICKS_A_SECOND = 100;
    private static final int PATIENCE_SECONDS = 90;
    private static final int END_SECONDS = 5;

    private final Process process;
    private final CompletableFuture<String> awaited = new CompletableFuture<>();

    /**
     * Starts it.
     *
     * @param sign what the output line holds that says that it is ready
     */
    ChildProcess(List<String> command, String sign) throws IOException {
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
        Thread.ofVirtual().name("child-output").start(() -> readOutput(sign));
    }

    private void readOutput(String sign) {
        StringBuilder all = new StringBuilder();
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.contains(sign)) {
                    awaited.complete(line);
                } else if (all.length() < 4000) {
                    all.append(line).append('\n');
                }
            }
        } catch (IOException e) {
            all.append(e.getMessage());
        }
        awaited.completeExceptionally(new IllegalStateException("the program ended without '" + sign + "': " + all));
    }

    /** Waits for the line that says that it is ready. */
    String awaitReady() throws Exception {
        return awaited.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /** CPU seconds of all its threads so far, in steps of 10 ms. */
    double cpuSeconds() throws IOException {
        String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        // proc_pid_stat(5): utime and stime are fields 14 and 15, state is field 3.
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_A_SECOND;
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                process.waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
