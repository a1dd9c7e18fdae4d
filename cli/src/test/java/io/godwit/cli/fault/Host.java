// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.cli.Main;
import io.godwit.cli.architecture.SourceTree;
import io.godwit.control.Json;
import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A {@code godwit host} as a process of its own, to be asked, killed and frozen. */
final class Host implements AutoCloseable {
    /** Far more than anything here takes, also on a machine with other things to do. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final Duration NEWS = Duration.ofMillis(20);

    private final String name;
    private final Process process;
    private final Path log;
    private final QmpAddress address;
    private final CompletableFuture<Boolean> ready = new CompletableFuture<>();
    private Optional<QmpClient> client = Optional.empty();

    private Host(String name, Process process, Path log, QmpAddress address) {
        this.name = name;
        this.process = process;
        this.log = log;
        this.address = address;
    }

    /**
     * Starts it and returns at once.
     *
     * @param godwit the words that start Godwit in one process, as {@link #java} or {@link #launcher}
     */
    static Host start(String name, Path directory, List<String> godwit, List<String> arguments) {
        QmpAddress address = new QmpAddress.Unix(directory.resolve(name + ".qmp"));
        Path log = directory.resolve(name + ".log");
        List<String> command = new ArrayList<>(godwit);
        command.addAll(List.of("host", "--end-with-stdin", "--qmp", address.toString()));
        command.addAll(arguments);
        try {
            Process process =
                    new ProcessBuilder(command).redirectError(log.toFile()).start();
            // A frozen process does not notice that its parent has gone.
            Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
            Host host = new Host(name, process, log, address);
            Thread.ofVirtual().name(name + "-output").start(host::readOutput);
            return host;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The words that start Godwit from the classes under test. */
    static List<String> java() {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                // These hosts do not live long enough to be worth more.
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Dgodwit.warm-up=false",
                "--enable-native-access=io.godwit.linux",
                "-p",
                System.getProperty("jdk.module.path"),
                "-m",
                "io.godwit.cli/" + Main.class.getName());
    }

    /** The words that start Godwit as it was built, with all that users have. */
    static List<String> launcher() {
        return List.of(
                "env",
                "GODWIT_NO_BUILD=1",
                "GODWIT_JAVA_OPTIONS=-Dgodwit.warm-up=false",
                "GODWIT_JAVA_HOME=" + System.getProperty("java.home"),
                SourceTree.root().resolve("godwit").toString());
    }

    /** The QMP session with it, from the first call on, when it is ready. */
    synchronized QmpClient qmp() {
        if (client.isEmpty()) {
            try {
                assertThat(ready.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                        .as(this::lastWords)
                        .isTrue();
            } catch (TimeoutException | ExecutionException e) {
                throw new AssertionError("not ready in time: " + lastWords(), e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError(e);
            }
            client = Optional.of(QmpClient.connect(address, PATIENCE));
            setCapability("events", true);
            set("max-bandwidth", 0);
        }
        return client.get();
    }

    QmpAddress address() {
        return address;
    }

    JsonNode ask(String command) {
        return qmp().execute(command, PATIENCE);
    }

    JsonNode ask(String command, ObjectNode arguments) {
        return qmp().execute(command, arguments, PATIENCE);
    }

    void set(String parameter, long value) {
        ask("migrate-set-parameters", Json.object().put(parameter, value));
    }

    void setCapability(String capability, boolean on) {
        ObjectNode arguments = Json.object();
        arguments
                .putArray("capabilities")
                .addObject()
                .put("capability", capability)
                .put("state", on);
        ask("migrate-set-capabilities", arguments);
    }

    /** Waits for a guest at a port that the kernel chooses; which one is the result. */
    int listen() {
        return listen("127.0.0.1");
    }

    /** The same at this address. */
    int listen(String address) {
        ask("migrate-incoming", Json.object().put("uri", "tcp:" + address + ":0"));
        return port();
    }

    /** Waits again for the source of a postcopy that is paused; at which port is the result. */
    int listenAgain() {
        ask("migrate-recover", Json.object().put("uri", "tcp:127.0.0.1:0"));
        return port();
    }

    /** Where it waits. */
    int port() {
        return Integer.parseInt(
                ask("query-migrate").path("socket-address").path(0).path("port").asString(""));
    }

    void migrate(String uri) {
        ask("migrate", Json.object().put("uri", uri));
    }

    /** Goes on with a postcopy that is paused. */
    void resume(String uri) {
        ask("migrate", Json.object().put("uri", uri).put("resume", true));
    }

    /** Waits until the migration has this status, or has ended; the status is the result. */
    String await(String wanted) {
        return awaitEnding(wanted).path("status").asString("none");
    }

    /** The same with the whole answer to {@code query-migrate}. */
    JsonNode awaitEnding(String wanted) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            JsonNode answer = ask("query-migrate");
            String status = answer.path("status").asString("none");
            if (status.equals(wanted)
                    || List.of("completed", "failed", "cancelled").contains(status)) {
                return answer;
            }
            assertThat(System.nanoTime() - deadline)
                    .as(() -> "the migration is " + status + " and hangs; " + lastWords())
                    .isNegative();
            awaitNews();
        }
    }

    String awaitEnd() {
        return await("an end");
    }

    private void awaitNews() {
        try {
            var _ = qmp().nextEvent(NEWS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** The error of the migration that has failed. */
    String error() {
        return ask("query-migrate").path("error-desc").asString("");
    }

    /** Who has the guest, as this host sees it. */
    String owner() {
        return ask("x-godwit-statistics").path("owner").asString("nobody knows yet");
    }

    /** {@code running}, {@code paused} ... */
    String runState() {
        return ask("query-status").path("status").asString("");
    }

    GuestFigures guest() {
        return GuestFigures.of(ask("x-godwit-guest"));
    }

    /** Runs the guest, which has checked all of its working set since it was asked, and found it right. */
    void assertRunsWell(long workingSetPages) {
        assertThat(runState()).as(this::lastWords).isEqualTo("running");
        GuestFigures before = guest();
        GuestFigures now = before;
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (now.beats() == before.beats() || now.workPages() < before.workPages() + workingSetPages) {
            assertThat(System.nanoTime() - deadline)
                    .as("the guest works: %s, then %s", before, now)
                    .isNegative();
            awaitNews();
            now = guest();
        }
        assertThat(now.mismatches()).isZero();
    }

    /** Ends it as a crash would, and waits until it is gone. */
    void kill() {
        process.destroyForcibly();
        try {
            assertThat(process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                    .as("a killed process ends")
                    .isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Waits until it has ended by itself; its exit status. */
    int awaitExit() {
        try {
            assertThat(process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                    .as(() -> "it ends; " + lastWords())
                    .isTrue();
            return process.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Waits until it has written this to standard error. */
    void awaitWords(String words) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!lastWords().contains(words)) {
            assertThat(System.nanoTime() - deadline)
                    .as(() -> "says '" + words + "'; " + lastWords())
                    .isNegative();
            LockSupport.parkNanos(NEWS.toNanos());
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Stops it where it stands: nothing in it runs, its sockets stay. Returns when that is so. */
    void freeze() {
        signal("STOP");
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (state() != 'T') {
            assertThat(System.nanoTime() - deadline).as("the process stops").isNegative();
            Thread.onSpinWait();
        }
    }

    void thaw() {
        signal("CONT");
    }

    /** Sends a signal by its name without SIG. */
    void signal(String signal) {
        try {
            Process kill = new ProcessBuilder("/bin/sh", "-c", "kill -" + signal + " " + process.pid()).start();
            assertThat(kill.waitFor()).as("kill -%s", signal).isZero();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private char state() {
        try {
            String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What it wrote to standard error last. */
    String lastWords() {
        try {
            String text = Files.readString(log).strip();
            return name + " said: " + text.substring(Math.max(0, text.length() - 2000));
        } catch (IOException e) {
            return name + " said nothing";
        }
    }

    private void readOutput() {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("ready: ")) {
                    ready.complete(true);
                }
            }
        } catch (IOException e) {
            // The process is gone.
        }
        ready.complete(false);
    }

    /** Kills it, however it is. */
    @Override
    public void close() {
        process.destroyForcibly();
        synchronized (this) {
            client.ifPresent(QmpClient::close);
        }
    }
}
