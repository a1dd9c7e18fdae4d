// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The hosts of a demonstration and the directory of their sockets. All of it is gone after {@link #close}, also after
 * Ctrl-C.
 */
final class DemoHosts implements AutoCloseable {
    private final Path directory;
    private final List<HostProcess> all = new CopyOnWriteArrayList<>();
    private final AtomicBoolean closed = new AtomicBoolean();
    private volatile boolean interrupted;

    private DemoHosts(Path directory) {
        this.directory = directory;
    }

    /** Makes the directory; no host is there yet. */
    static DemoHosts open() {
        try {
            DemoHosts hosts = new DemoHosts(Files.createTempDirectory("godwit-demo-"));
            Runtime.getRuntime().addShutdownHook(new Thread(hosts::interrupt, "demo-end"));
            return hosts;
        } catch (IOException e) {
            throw new CommandFailure("No directory for the hosts' sockets can be made: " + e.getMessage() + ".", e);
        }
    }

    /** Starts a source and a destination at the same time. */
    static DemoHosts start(List<String> guestWords) {
        DemoHosts hosts = open();
        HostProcess _ = hosts.add("source", guestWords);
        HostProcess _ = hosts.addWaiting("destination", guestWords, List.of("--verify"));
        return hosts;
    }

    /** Starts a host and returns at once. */
    HostProcess add(String name, List<String> words) {
        HostProcess host = HostProcess.start(name, directory, words);
        all.add(host);
        return host;
    }

    /** The same for a host that waits for its guest. */
    HostProcess addWaiting(String name, List<String> guestWords, List<String> besides) {
        List<String> words = new ArrayList<>(guestWords);
        words.addAll(List.of("--incoming", "defer"));
        words.addAll(besides);
        return add(name, words);
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
        return all.getFirst();
    }

    HostProcess destination() {
        return all.get(1);
    }

    /** What the hosts wrote to standard error, to add to a sentence. */
    String lastWords() {
        return all.stream().map(HostProcess::lastWords).collect(Collectors.joining());
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        all.forEach(HostProcess::close);
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
