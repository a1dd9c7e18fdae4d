// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A {@code godwit host} as a child of this process. It ends with its parent, whatever happens to that. */
final class HostProcess implements AutoCloseable {
    /** The class that starts the command, by name: it knows all commands, and this one is below them. */
    private static final String MAIN = "io.godwit.cli.Main";

    private static final String MODULE = "io.godwit.cli";

    private static final Duration START_PATIENCE = Duration.ofSeconds(60);
    private static final Duration END_PATIENCE = Duration.ofSeconds(3);

    private final String name;
    private final Process process;
    private final Path errors;
    private final QmpAddress address;
    private final CompletableFuture<String> ready = new CompletableFuture<>();

    private HostProcess(String name, Process process, Path errors, QmpAddress address) {
        this.name = name;
        this.process = process;
        this.errors = errors;
        this.address = address;
    }

    /**
     * Starts a host and returns at once.
     *
     * @param name such as {@code source}: names its files in {@code directory}
     * @param arguments of {@code godwit host}, without {@code --qmp}
     */
    static HostProcess start(String name, Path directory, List<String> arguments) {
        QmpAddress address = new QmpAddress.Unix(directory.resolve(name + ".qmp"));
        Path errors = directory.resolve(name + ".log");
        List<String> command = new ArrayList<>(ownJvm());
        command.addAll(List.of("host", "--end-with-stdin", "--qmp", address.toString()));
        command.addAll(arguments);
        try {
            Process process =
                    new ProcessBuilder(command).redirectError(errors.toFile()).start();
            HostProcess host = new HostProcess(name, process, errors, address);
            Thread.ofVirtual().name(name + "-output").start(host::readOutput);
            return host;
        } catch (IOException e) {
            throw new CommandFailure("The " + name + " host cannot be started: " + e.getMessage() + ".", e);
        }
    }

    /**
     * Waits until the host answers QMP.
     *
     * @throws CommandFailure if it ends before, with what it said last
     */
    QmpClient connect() {
        try {
            ready.get(START_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            return QmpClient.connect(address, Addresses.PATIENCE);
        } catch (TimeoutException e) {
            throw new CommandFailure(
                    "The " + name + " host was not ready within " + START_PATIENCE.toSeconds() + " s." + lastWords(),
                    e);
        } catch (ExecutionException e) {
            throw new CommandFailure("The " + name + " host ended before it was ready." + lastWords(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("Interrupted while the " + name + " host was starting.", e);
        }
    }

    /** What it wrote to standard error last, as a sentence to add to another; empty if that was nothing. */
    String lastWords() {
        try {
            String text = Files.readString(errors).strip();
            return text.isEmpty() ? "" : " It said: " + text.substring(Math.max(0, text.length() - 2000));
        } catch (IOException e) {
            return "";
        }
    }

    /** Asks it to end by closing its standard input, then makes it. */
    @Override
    public void close() {
        try {
            process.getOutputStream().close();
            if (!process.waitFor(END_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            process.destroyForcibly();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    /** Ends it without a word, as a crash would. */
    void kill() {
        process.destroyForcibly();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Whether it has ended, or does so within this time. */
    boolean ends(Duration within) {
        try {
            return process.waitFor(within.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    long pid() {
        return process.pid();
    }

    private void readOutput() {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith(HostCommand.READY)) {
                    ready.complete(line);
                }
            }
        } catch (IOException e) {
            // The process is gone.
        }
        ready.completeExceptionally(new IOException("end of output"));
    }

    /**
     * The command line of this JVM as far as the main class, so that a child runs with the same options, modules and
     * cache. Where it cannot be seen, the same modules by their path.
     */
    private static List<String> ownJvm() {
        ProcessHandle.Info self = ProcessHandle.current().info();
        String java = self.command()
                .orElse(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        List<String> command = new ArrayList<>(List.of(java));
        List<String> arguments = Arrays.asList(self.arguments().orElse(new String[0]));
        int main = arguments.indexOf(MODULE + "/" + MAIN);
        if (main >= 0) {
            command.addAll(arguments.subList(0, main + 1));
            return command;
        }
        String modulePath = System.getProperty("jdk.module.path", "");
        String classPath = System.getProperty("java.class.path", "");
        command.add("--enable-native-access=" + (modulePath.isEmpty() ? "ALL-UNNAMED" : "io.godwit.linux"));
        if (modulePath.isEmpty()) {
            command.addAll(List.of("-cp", classPath, MAIN));
        } else {
            command.addAll(List.of("-p", modulePath + File.pathSeparator + classPath, "-m", MODULE + "/" + MAIN));
        }
        return command;
    }
}
