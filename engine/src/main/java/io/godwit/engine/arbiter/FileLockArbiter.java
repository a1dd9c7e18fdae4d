// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import io.godwit.linux.NativeException;
import io.godwit.linux.io.Descriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * The arbiter of one machine: the token is an exclusive lock (flock(2)) on a file named after the guest. The kernel frees it when its holder
 * dies, so a token is never lost. The file's content is the name of the host that last let the guest run.
 *
 * <p>All hosts of one guest must use the same directory; the default is {@code /run/lock/godwit}, or {@code /tmp/godwit} where there is
 * no {@code /run/lock}.
 */
public final class FileLockArbiter implements Arbiter {
    private static final long RETRY_NANOS = 2_000_000;
    private static final AtomicInteger INSTANCES = new AtomicInteger();

    private final Path directory;
    private final String self;
    private Optional<Token> token = Optional.empty();

    private record Token(Path file, Descriptor descriptor) {}

    /** An arbiter over the lock files in {@code directory}, which is made if it is not there. */
    public FileLockArbiter(Path directory) {
        this.directory = directory;
        this.self = "process " + ProcessHandle.current().pid() + " (host " + INSTANCES.incrementAndGet() + " of it)";
    }

    /** An arbiter over this machine's usual directory. */
    public static FileLockArbiter inDefaultDirectory() {
        Path parent = Path.of("/run/lock");
        return new FileLockArbiter((Files.isWritable(parent) ? parent : Path.of("/tmp")).resolve("godwit"));
    }

    @Override
    public Claim claim(UUID guest, Duration patience) {
        if (token.isPresent()) {
            return new Claim.Won(read(token.get().file()));
        }
        Path file = directory.resolve(guest + ".lock");
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            Optional<Descriptor> locked = tryLock(file);
            if (locked.isPresent()) {
                token = Optional.of(new Token(file, locked.get()));
                return new Claim.Won(read(file));
            }
            if (System.nanoTime() - deadline >= 0) {
                String holder = read(file);
                return new Claim.Lost(holder.isEmpty() ? "a host that has not run it yet" : holder);
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    @Override
    public void recordRun() {
        if (token.isEmpty()) {
            throw new IllegalStateException("the token is not held, so no run can be recorded");
        }
        try {
            Files.writeString(token.get().file(), self);
        } catch (IOException e) {
            throw new ArbiterException("cannot write " + token.get().file(), e);
        }
    }

    @Override
    public void release() {
        token.ifPresent(t -> t.descriptor().close());
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

    /** Releases the token. The file stays: removing a file that another process may be locking would make two tokens of one. */
    @Override
    public void close() {
        release();
    }

    private Optional<Descriptor> tryLock(Path file) {
        try {
            if (!Files.isDirectory(directory)) {
                Path _ = Files.createDirectories(directory);
                // Hosts of several users share the directory, as they share /run/lock itself.
                Path _ = Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
            }
            Descriptor descriptor = io.godwit.linux.io.Files.openForLock(file);
            if (descriptor.tryLockExclusive()) {
                return Optional.of(descriptor);
            }
            descriptor.close();
            return Optional.empty();
        } catch (IOException | NativeException e) {
            throw new ArbiterException(
                    "cannot use " + file + ", the lock that gives the right to run the guest; the guest is not started",
                    e);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new ArbiterException("cannot read " + file, e);
        }
    }
}
