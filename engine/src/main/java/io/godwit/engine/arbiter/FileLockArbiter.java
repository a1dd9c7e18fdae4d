// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * The arbiter of one machine: the token is an exclusive lock (flock(2)) on a file named after the guest. The kernel
 * frees it when its holder dies, so a token is never lost. The file's content is the name of the host that last let the
 * guest run.
 *
 * <p>All hosts of one guest must use the same directory; the default is {@code /run/lock/godwit}, or {@code
 * /tmp/godwit} where there is no {@code /run/lock}.
 */
public final class FileLockArbiter implements Arbiter {
    private static final long RETRY_NANOS = 2_000_000;
    private static final int RECORD_BYTES = 64;
    private static final int REHEARSALS = 20;
    private static final int WORLD_WRITABLE_STICKY = 01777;
    private static final AtomicInteger INSTANCES = new AtomicInteger();

    private final Path directory;
    // With a random mark, because processes in containers that share the directory may have the same number.
    private final String self;
    private final NativeMemory record = NativeMemory.allocate(RECORD_BYTES);
    private Optional<Token> token = Optional.empty();

    /** A lock that is held, and what its file said when it was taken. */
    private record Token(Path path, Descriptor lock, String lastRun) {}

    /**
     * An arbiter over the lock files in {@code directory}, which is made if it is not there.
     *
     * @throws ArbiterException if the directory cannot be used
     */
    public FileLockArbiter(Path directory) {
        this.directory = directory;
        this.self = "process %d (host %d of it, mark %08x)"
                .formatted(ProcessHandle.current().pid(), INSTANCES.incrementAndGet(), new SecureRandom().nextInt());
        prepareDirectory();
        rehearse();
    }

    /** An arbiter over this machine's usual directory. */
    public static FileLockArbiter inDefaultDirectory() {
        Path parent = Path.of("/run/lock");
        return new FileLockArbiter((Files.isWritable(parent) ? parent : Path.of("/tmp")).resolve("godwit"));
    }

    @Override
    public Claim claim(UUID guest, Duration patience) {
        if (token.isPresent()) {
            return new Claim.Won(token.get().lastRun());
        }
        Path path = directory.resolve(guest + ".lock");
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            Optional<String> holder = tryTake(path);
            if (token.isPresent()) {
                return new Claim.Won(token.get().lastRun());
            }
            if (System.nanoTime() - deadline >= 0) {
                return new Claim.Lost(holder.filter(name -> !name.isEmpty()).orElse("a host that has not run it yet"));
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    @Override
    public void recordRun() {
        Token held =
                token.orElseThrow(() -> new IllegalStateException("the token is not held, so no run can be recorded"));
        try (Descriptor file = io.godwit.linux.io.Files.openForWrite(held.path(), 0)) {
            byte[] name = Arrays.copyOf(self.getBytes(StandardCharsets.UTF_8), RECORD_BYTES);
            record.copyFrom(0, name, 0, RECORD_BYTES);
            int _ = file.write(record, 0, RECORD_BYTES);
        } catch (NativeException e) {
            throw new ArbiterException("cannot write " + held.path() + "; the guest is not started", e);
        }
    }

    @Override
    public void release() {
        token.ifPresent(held -> held.lock().close());
        token = Optional.empty();
    }

    @Override
    public boolean held() {
        return token.isPresent();
    }

    @Override
    public String self() {
        return self;
    }

    /**
     * Releases the token. The file stays: removing a file that another process may be locking would make two tokens of
     * one.
     */
    @Override
    public void close() {
        release();
        record.close();
    }

    /** Takes the lock if it is free; else the name in the file is the result. */
    private Optional<String> tryTake(Path path) {
        try {
            Descriptor file = io.godwit.linux.io.Files.openForLock(path);
            try {
                boolean locked = file.tryLockExclusive();
                String name = read(file);
                if (locked) {
                    token = Optional.of(new Token(path, file, name));
                }
                return Optional.of(name);
            } finally {
                if (token.isEmpty()) {
                    file.close();
                }
            }
        } catch (NativeException e) {
            throw new ArbiterException(
                    "cannot use " + path + ", the lock that gives the right to run the guest; the guest is not started",
                    e);
        }
    }

    private String read(Descriptor file) {
        int length = Math.max(0, file.read(record, 0, RECORD_BYTES));
        byte[] name = new byte[length];
        record.copyTo(0, name, 0, length);
        return new String(name, StandardCharsets.UTF_8).trim();
    }

    private void prepareDirectory() {
        try {
            if (!Files.isDirectory(directory)) {
                Path _ = Files.createDirectories(directory);
                // Hosts of several users share the directory, as they share /run/lock itself; nobody removes another's
                // lock.
                Path _ = Files.setAttribute(directory, "unix:mode", WORLD_WRITABLE_STICKY);
            }
        } catch (IOException e) {
            throw new ArbiterException(
                    "cannot use " + directory + ", where the locks are that give the right to run guests", e);
        }
    }

    /**
     * The first claim of a destination happens while its guest stands still, and must not be the first run of this
     * code.
     */
    private void rehearse() {
        UUID nobody = UUID.randomUUID();
        for (int i = 0; i < REHEARSALS; i++) {
            Claim _ = claim(nobody, Duration.ZERO);
            recordRun();
            release();
        }
        try {
            boolean _ = Files.deleteIfExists(directory.resolve(nobody + ".lock"));
        } catch (IOException e) {
            throw new ArbiterException(
                    "cannot use " + directory + ", where the locks are that give the right to run guests", e);
        }
    }
}
