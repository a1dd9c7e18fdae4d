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
 * is a daemon. One thread, but {@link #pid}, {@link #guestIsWhole} and what ends it, which are for any.
 */
public final class LaunchedQemu implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** LIMIT: how long QEMU may take until it answers. */
    private static final long START_NANOS = 60_000_000_000L;

    private static final long LOOK_MILLIS = 2;

    private final Path directory;
    private final Process process;
    private final boolean detached;
    private final LaunchedQemus all;
    private volatile Optional<ProcessHandle> daemon = Optional.empty();
    private volatile boolean whole;
    private Optional<Destination> destination = Optional.empty();
    private int addresses;

    private LaunchedQemu(Path directory, Process process, boolean detached, LaunchedQemus all) {
        this.directory = directory;
        this.process = process;
        this.detached = detached;
        this.all = all;
    }

    /**
     * Starts one.
     *
     * @param command QEMU and its arguments, without {@code -incoming}
     * @param detached whether it goes on when this process ends
     * @param all has it from its first moment on, until it is let go
     * @throws RestoreException if it does not start; then nothing of it runs
     */
    public static LaunchedQemu start(List<String> command, boolean detached, LaunchedQemus all)
            throws InterruptedException {
        refuse(command, "-incoming", "the QEMU that is started for a guest gets '-incoming defer'.");
        refuse(command, "-daemonize", "with --detach Godwit says that itself.");
        if (detached) {
            refuse(command, "-pidfile", "with --detach Godwit says that itself, and tells the number.");
        }
        Path directory = newDirectory();
        List<String> words = new ArrayList<>(command);
        words.addAll(List.of("-incoming", "defer"));
        words.addAll(List.of("-qmp", "unix:" + directory.resolve("qmp") + ",server=on,wait=off"));
        if (detached) {
            words.addAll(
                    List.of("-daemonize", "-pidfile", directory.resolve("pid").toString()));
        }
        LaunchedQemu qemu;
        try {
            qemu = all.launch(() -> new LaunchedQemu(
                    directory, new ProcessBuilder(words).inheritIO().start(), detached, all));
        } catch (IOException e) {
            remove(directory);
            throw new RestoreException("QEMU does not start: " + e.getMessage() + ".");
        } catch (RestoreException e) {
            remove(directory);
            throw e;
        }
        boolean answers = false;
        try {
            qemu.destination =
                    Optional.of(Destination.launched(qemu.connect(), qemu::nextAddress, !command.contains("-S")));
            answers = true;
            return qemu;
        } finally {
            if (!answers) {
                qemu.end();
            }
        }
    }

    private static void refuse(List<String> command, String word, String why) {
        if (command.contains(word) || command.contains("-" + word)) {
            throw new RestoreException("Leave " + word + " out: " + why);
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
                QmpClient client = QmpClient.connect(address, PATIENCE);
                var _ = daemon();
                return client;
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

    /** The process that goes on alone. Its number is read once: later it may be that of a stranger. */
    private Optional<ProcessHandle> daemon() {
        if (detached && daemon.isEmpty()) {
            try {
                daemon = ProcessHandle.of(Long.parseLong(
                        Files.readString(directory.resolve("pid")).strip()));
            } catch (IOException | NumberFormatException _) {
                // Not yet.
            }
        }
        return daemon;
    }

    private String nextAddress() {
        return "unix:" + directory.resolve("guest-" + addresses++);
    }

    /** How it is driven. */
    Destination destination() {
        return destination.orElseThrow();
    }

    /** Its process's number, unless it has ended. */
    public Optional<Long> pid() {
        return (detached ? daemon() : Optional.of(process.toHandle()))
                .filter(ProcessHandle::isAlive)
                .map(ProcessHandle::pid);
    }

    /** Waits until it ends; its exit status. Not for one that is a daemon. */
    public int awaitEnd() throws InterruptedException {
        return process.waitFor();
    }

    /** Its guest has all of its memory: from now on it is worth some patience when it is to end. */
    public void guestIsWhole() {
        whole = true;
    }

    /** Whether {@link #guestIsWhole} was said. */
    boolean isWhole() {
        return whole;
    }

    /** What runs of it now: where it is a daemon, who starts that as well. */
    List<ProcessHandle> running() {
        return Stream.concat(Stream.of(process.toHandle()), daemon().stream())
                .filter(ProcessHandle::isAlive)
                .toList();
    }

    /** Ends it, and waits for that. */
    public void end() {
        all.letGo(this);
        LaunchedQemus.end(List.of(this));
    }

    /** It goes on when this process ends. */
    public void letGo() {
        all.letGo(this);
    }

    /**
     * After a restore into it has failed: it ends, unless it has a guest that somebody may still want.
     *
     * @return what is to be thrown
     */
    public RuntimeException failed(RuntimeException e) {
        if (e instanceof RestoreException known && known.guestRuns()) {
            letGo();
            String where =
                    pid().map(pid -> " That QEMU is process " + pid + ".").orElse("");
            return new RestoreException(e.getMessage() + where, true);
        }
        end();
        return e;
    }

    /** Lets go of what drives it; it goes on. */
    @Override
    public void close() {
        destination.ifPresent(Destination::close);
        removeDirectory();
    }

    /** Nobody reaches it there any more. */
    void removeDirectory() {
        remove(directory);
    }

    private static void remove(Path directory) {
        try (Stream<Path> left = Files.walk(directory)) {
            for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException | UncheckedIOException _) {
            // A few empty files stay behind in the directory for such files.
        }
    }
}
