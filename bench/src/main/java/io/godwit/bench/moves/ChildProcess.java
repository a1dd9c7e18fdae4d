// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A program under measurement: its first line of a kind, its CPU time, its end. */
final class ChildProcess implements AutoCloseable {
    private static final double TICKS_A_SECOND = 100;
    private static final int PATIENCE_SECONDS = 240;
    private static final int END_SECONDS = 5;

    private static final char BEAT = '~';
    private static final char WORK = '+';

    private final Process process;
    private final Stamps beats = new Stamps();
    private final Stamps work = new Stamps();
    private final CompletableFuture<String> awaited = new CompletableFuture<>();

    /**
     * Starts it.
     *
     * @param sign what the output line holds that says that it is ready
     */
    ChildProcess(List<String> command, String sign) throws IOException {
        this(command, sign, Map.of());
    }

    /**
     * Starts it with additions to its environment.
     *
     * @param sign what the output line holds that says that it is ready
     */
    ChildProcess(List<String> command, String sign, Map<String, String> environment) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        process = builder.start();
        // A platform thread: marks are stamped with the time at which they are read.
        Thread.ofPlatform().daemon().name("child-output").start(() -> readOutput(sign));
    }

    private void readOutput(String sign) {
        StringBuilder all = new StringBuilder();
        StringBuilder line = new StringBuilder();
        byte[] bytes = new byte[4096];
        try (InputStream output = process.getInputStream()) {
            for (int count = output.read(bytes); count > 0; count = output.read(bytes)) {
                long now = System.nanoTime();
                for (int i = 0; i < count; i++) {
                    char letter = (char) bytes[i];
                    switch (letter) {
                        case BEAT -> beats.add(now);
                        case WORK -> work.add(now);
                        case '\n' -> {
                            take(line.toString(), sign, all);
                            line.setLength(0);
                        }
                        default -> line.append(letter);
                    }
                }
            }
            take(line.toString(), sign, all);
        } catch (IOException e) {
            all.append(e.getMessage());
        }
        awaited.completeExceptionally(new IllegalStateException("the program ended without '" + sign + "': " + all));
    }

    private void take(String line, String sign, StringBuilder all) {
        if (line.contains(sign)) {
            awaited.complete(line);
        } else if (all.length() < 4000) {
            all.append(line).append('\n');
        }
    }

    /** When each '~' of its output was read. */
    Stamps beats() {
        return beats;
    }

    /** When each '+' of its output was read. */
    Stamps work() {
        return work;
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

    /** Ends the process as a crash would, its children too. */
    void kill() throws InterruptedException {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        int _ = process.destroyForcibly().waitFor();
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
