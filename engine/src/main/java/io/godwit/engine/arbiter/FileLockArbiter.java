// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.memory.NativeMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * The arbiter of one machine: the token is an exclusive lock (flock(2)) on a file named after the guest. The kernel
 * frees it when its holder dies, so a token is never lost. The file's content is a {@link LockRecord}.
 *
 * <p>All hosts of one guest must use the same directory; the default is {@code /run/lock/godwit}, or {@code
 * /tmp/godwit} where there is no {@code /run/lock}.
 */
public final class FileLockArbiter implements Arbiter {
    private static final long RETRY_NANOS = 2_000_000;
    private static final int REHEARSALS = 20;
    private static final int WORLD_WRITABLE_STICKY = 01777;
    private static final AtomicInteger INSTANCES = new AtomicInteger();

    private final Path directory;
    // With a random mark, because processes in containers that share the directory may have the same number.
    private final String self;
    private final NativeMemory record = NativeMemory.allocate(LockRecord.BYTES);
    private volatile Optional<Token> token = Optional.empty();
    private volatile long fencingNumber;

    /** A lock that is held, and what its file says. */
    private record Token(Path path, Descriptor lock, LockRecord content) {}

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
        if (token.isEmpty()) {
            Path path = directory.resolve(guest + ".lock");
            long deadline = System.nanoTime() + patience.toNanos();
            LastRun found = tryTake(path);
            while (token.isEmpty()) {
                if (System.nanoTime() - deadline >= 0) {
                    // Who holds a lock is not to be seen, but who has run the guest: mostly the same.
                    return new Claim.Lost(
                            found.host().isEmpty() ? "a host that has not run it yet" : found.host(), found);
                }
                LockSupport.parkNanos(RETRY_NANOS);
                found = tryTake(path);
            }
        }
        return new Claim.Won(token.orElseThrow().content().lastRun());
    }

    @Override
    public void recordRun(Optional<UUID> protection) {
        Token held =
                token.orElseThrow(() -> new IllegalStateException("the token is not held, so no run can be recorded"));
        LockRecord content =
                new LockRecord(new LastRun(self, protection), held.content().fencingNumber());
        try {
            write(held.lock(), content);
        } catch (NativeException e) {
            throw new ArbiterException("cannot write " + held.path() + "; the guest is not started", e);
        }
        token = Optional.of(new Token(held.path(), held.lock(), content));
    }

    @Override
    public long fencingNumber() {
        return fencingNumber;
    }

    /** {@inheritDoc} Here: never, for the kernel takes a lock from nobody who lives. */
    @Override
    public void watchLoss(Runnable lost) {}

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

    /** Takes the lock if it is free; what the file says. */
    private LastRun tryTake(Path path) {
        try {
            Descriptor file = io.godwit.linux.io.Files.openForLock(path);
            try {
                boolean locked = file.tryLockExclusive();
                LockRecord found = read(file, path);
                if (locked) {
                    LockRecord taken = new LockRecord(found.lastRun(), found.fencingNumber() + 1);
                    write(file, taken);
                    fencingNumber = taken.fencingNumber();
                    token = Optional.of(new Token(path, file, taken));
                }
                return found.lastRun();
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

    private LockRecord read(Descriptor file, Path path) {
        int length = Math.max(0, file.read(record, 0, LockRecord.BYTES));
        byte[] content = new byte[length];
        record.copyTo(0, content, 0, length);
        try {
            return LockRecord.of(content);
        } catch (IllegalArgumentException e) {
            throw new ArbiterException(
                    path + " is no record of who ran the guest: " + e.getMessage() + "; the guest is not started", e);
        }
    }

    private void write(Descriptor file, LockRecord content) {
        record.copyFrom(0, content.bytes(), 0, LockRecord.BYTES);
        io.godwit.linux.io.Files.rewind(file);
        int written = file.write(record, 0, LockRecord.BYTES);
        if (written != LockRecord.BYTES) {
            throw new ArbiterException("only %d of %d bytes of a record could be written; the guest is not started"
                    .formatted(written, LockRecord.BYTES));
        }
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
            recordRun(Optional.empty());
            release();
        }
        fencingNumber = 0;
        try {
            boolean _ = Files.deleteIfExists(directory.resolve(nobody + ".lock"));
        } catch (IOException e) {
            throw new ArbiterException(
                    "cannot use " + directory + ", where the locks are that give the right to run guests", e);
        }
    }
}
