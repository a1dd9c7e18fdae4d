// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/**
 * The two hosts of a demonstration and the directory of their sockets. All of it is gone after {@link #close}, also
 * after Ctrl-C.
 */
final class DemoHosts implements AutoCloseable {
    private final Path directory;
    private final HostProcess source;
    private final HostProcess destination;
    private final AtomicBoolean closed = new AtomicBoolean();
    private volatile boolean interrupted;

    private DemoHosts(Path directory, HostProcess source, HostProcess destination) {
        this.directory = directory;
        this.source = source;
        this.destination = destination;
    }

    /** Starts both at the same time. */
    static DemoHosts start(List<String> guestWords) {
        try {
            Path directory = Files.createTempDirectory("godwit-demo-");
            List<String> waiting = new ArrayList<>(guestWords);
            waiting.addAll(List.of("--incoming", "defer", "--verify"));
            HostProcess source = HostProcess.start("source", directory, guestWords);
            HostProcess destination = HostProcess.start("destination", directory, waiting);
            DemoHosts hosts = new DemoHosts(directory, source, destination);
            Runtime.getRuntime().addShutdownHook(new Thread(hosts::interrupt, "demo-end"));
            return hosts;
        } catch (IOException e) {
            throw new CommandFailure("No directory for the hosts' sockets can be made: " + e.getMessage() + ".", e);
        }
    }

    /** Whether it is Ctrl-C, or another signal, that ends them: what fails then is no news. */
    boolean isInterrupted() {
        return interrupted;
    }

    private void interrupt() {
        interrupted = true;
        close();
    }

    Path directory() {
        return directory;
    }

    HostProcess source() {
        return source;
    }

    HostProcess destination() {
        return destination;
    }

    /** What the hosts wrote to standard error, to add to a sentence. */
    String lastWords() {
        return source.lastWords() + destination.lastWords();
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        source.close();
        destination.close();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            System.err.println("godwit demo: cannot remove " + directory + ": " + e.getMessage());
        }
    }
}
