// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import io.godwit.control.QmpAddress;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A QEMU that was started for one guest and waits for it. It has the terminal, unless it is to go on by itself: then it
 * is a daemon. One thread.
 */
public final class LaunchedQemu implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** LIMIT: how long QEMU may take until it answers. */
    private static final long START_NANOS = 60_000_000_000L;

    private static final long LOOK_MILLIS = 2;

    private final Path directory;
    private final Process process;
    private final boolean detached;
    private final Destination destination;
    private int addresses;

    private LaunchedQemu(Path directory, Process process, boolean detached, boolean runsGuest)
            throws InterruptedException {
        this.directory = directory;
        this.process = process;
        this.detached = detached;
        this.destination = Destination.launched(connect(), this::nextAddress, runsGuest);
    }

    /**
     * Starts one.
     *
     * @param command QEMU and its arguments, without {@code -incoming}
     * @param detached whether it goes on when this process ends
     * @throws RestoreException if it does not start
     */
    public static LaunchedQemu start(List<String> command, boolean detached) throws InterruptedException {
        if (command.contains("-incoming") || command.contains("--incoming")) {
            throw new RestoreException(
                    "Leave -incoming out: the QEMU that is started for a guest gets '-incoming defer'.");
        }
        Path directory = newDirectory();
        List<String> all = new ArrayList<>(command);
        all.addAll(List.of("-incoming", "defer"));
        all.addAll(List.of("-qmp", "unix:" + directory.resolve("qmp") + ",server=on,wait=off"));
        if (detached) {
            all.addAll(
                    List.of("-daemonize", "-pidfile", directory.resolve("pid").toString()));
        }
        boolean started = false;
        try {
            Process process = new ProcessBuilder(all).inheritIO().start();
            try {
                LaunchedQemu qemu = new LaunchedQemu(directory, process, detached, !command.contains("-S"));
                started = true;
                return qemu;
            } finally {
                if (!started) {
                    process.destroyForcibly();
                }
            }
        } catch (IOException e) {
            throw new RestoreException("QEMU does not start: " + e.getMessage() + ".");
        } finally {
            if (!started) {
                remove(directory);
            }
        }
    }

    private static Path newDirectory() {
        try {
            return Files.createTempDirectory("godwit-restore");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private QmpClient connect() throws InterruptedException {
        QmpAddress address = new QmpAddress.Unix(directory.resolve("qmp"));
        long until = System.nanoTime() + START_NANOS;
        while (true) {
            boolean gone = !process.isAlive() && !(detached && process.exitValue() == 0);
            try {
                return QmpClient.connect(address, PATIENCE);
            } catch (QmpConnectionException e) {
                if (gone) {
                    throw new RestoreException("QEMU ended with status " + process.exitValue()
                            + " before it could take the guest; what it said is above. The store has the guest as"
                            + " before.");
                }
                if (System.nanoTime() - until > 0) {
                    throw new RestoreException("QEMU did not answer within 60 s: " + e.getMessage());
                }
            }
            boolean _ = process.waitFor(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    private String nextAddress() {
        return "unix:" + directory.resolve("guest-" + addresses++);
    }

    /** How it is driven. */
    Destination destination() {
        return destination;
    }

    /** Its process's number, unless it has ended. */
    public Optional<Long> pid() {
        if (!detached) {
            return Optional.of(process.pid());
        }
        try {
            return Optional.of(
                    Long.valueOf(Files.readString(directory.resolve("pid")).strip()));
        } catch (IOException | NumberFormatException _) {
            return Optional.empty();
        }
    }

    /** Waits until it ends; its exit status. Not for one that is a daemon. */
    public int awaitEnd() throws InterruptedException {
        return process.waitFor();
    }

    /** Whether it runs. */
    boolean isAlive() {
        return pid().flatMap(ProcessHandle::of).map(ProcessHandle::isAlive).orElse(false);
    }

    /** Ends it, whatever it does: it has no guest, or one that is not wanted any more. */
    public void kill() {
        pid().flatMap(ProcessHandle::of).ifPresent(handle -> {
            boolean _ = handle.destroyForcibly();
        });
    }

    /** Lets go of it; it goes on. */
    @Override
    public void close() {
        destination.close();
        remove(directory);
    }

    private static void remove(Path directory) {
        try (Stream<Path> left = Files.walk(directory)) {
            for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException _) {
            // A few empty files stay behind in the directory for such files.
        }
    }
}
