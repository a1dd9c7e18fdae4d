// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A {@code godwit} command as a process of its own, and what it says. */
final class Command implements AutoCloseable {
    private final Process process;
    private final StringBuilder said = new StringBuilder();
    private final List<Thread> readers = new ArrayList<>();

    private Command(Process process) {
        this.process = process;
        readers.add(Thread.ofVirtual().start(() -> read(process.getInputStream())));
        readers.add(Thread.ofVirtual().start(() -> read(process.getErrorStream())));
    }

    static Command start(String... words) {
        List<String> command = new ArrayList<>(Host.java());
        command.addAll(List.of(words));
        try {
            return new Command(new ProcessBuilder(command).start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void read(InputStream from) {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(from, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                synchronized (said) {
                    said.append(line).append('\n');
                    said.notifyAll();
                }
            }
        } catch (IOException e) {
            // The process is gone.
        }
    }

    /** All that it has said so far, on both its outputs. */
    String said() {
        synchronized (said) {
            return said.toString();
        }
    }

    /** Waits until it has said these words. */
    void awaitWords(String words) throws InterruptedException {
        long deadline = System.nanoTime() + Host.PATIENCE.toNanos();
        synchronized (said) {
            while (said.indexOf(words) < 0) {
                long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                assertThat(millis).as("'%s' is said; so far: %s", words, said).isPositive();
                said.wait(millis);
            }
        }
    }

    /** Waits for its end; the exit status is the result. */
    int awaitEnd() throws InterruptedException {
        assertThat(process.waitFor(Host.PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                .as(this::said)
                .isTrue();
        for (Thread reader : readers) {
            reader.join();
        }
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
