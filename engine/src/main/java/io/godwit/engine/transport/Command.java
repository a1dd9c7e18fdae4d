// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.Pipes;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The command of an {@code exec:} URI, at the other end of a pipe. Its messages go to this process's standard error.
 */
record Command(Process process, Descriptor pipe, String text) implements DescriptorChannel.Completion {
    private static final long SOON_NANOS = 500_000_000;
    private static final long LOOK_UP_NANOS = 20_000_000;

    /** Starts a command that reads the stream on its standard input. */
    static Command writingTo(MigrationUri.Exec exec) {
        Pipes.Pair pipe = Pipes.pair();
        return start(exec, pipe.writeEnd(), pipe.readEnd(), Redirect.from(path(pipe.readEnd())), Redirect.INHERIT);
    }

    /** Starts a command that writes the stream to its standard output. */
    static Command readingFrom(MigrationUri.Exec exec) {
        Pipes.Pair pipe = Pipes.pair();
        Redirect nothing = Redirect.from(new File("/dev/null"));
        return start(exec, pipe.readEnd(), pipe.writeEnd(), nothing, Redirect.to(path(pipe.writeEnd())));
    }

    /** Waits until the command has ended, and throws unless it did so with status 0. */
    @Override
    public void await(AbortSignal abort) {
        while (!hasEndedWithin(LOOK_UP_NANOS)) {
            if (abort.isRaised()) {
                throw new MigrationException.Transport(abort.reason());
            }
        }
        failure().ifPresent(failure -> {
            throw new MigrationException.Transport(failure);
        });
    }

    /** What the command's status says; a pipe breaks a moment before its command has ended. */
    @Override
    public Optional<String> failure() {
        return hasEndedWithin(SOON_NANOS) && process.exitValue() != 0
                ? Optional.of("the command '" + text + "' ended with status " + process.exitValue())
                : Optional.empty();
    }

    /** Ends the command and what it has started; one that got its last byte has a moment to end by itself. */
    @Override
    public void end() {
        if (hasEndedWithin(SOON_NANOS)) {
            return;
        }
        List<ProcessHandle> started = process.descendants().toList();
        started.forEach(ProcessHandle::destroy);
        process.destroy();
        if (!hasEndedWithin(SOON_NANOS)) {
            started.forEach(ProcessHandle::destroyForcibly);
            Process _ = process.destroyForcibly();
        }
    }

    private boolean hasEndedWithin(long nanos) {
        try {
            return process.waitFor(nanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        }
    }

    private static Command start(
            MigrationUri.Exec exec, Descriptor ourEnd, Descriptor childEnd, Redirect input, Redirect output) {
        try (childEnd) {
            return new Command(start(exec, input, output), ourEnd, exec.command());
        } catch (RuntimeException | Error e) {
            ourEnd.close();
            throw e;
        }
    }

    private static Process start(MigrationUri.Exec exec, Redirect input, Redirect output) {
        try {
            return new ProcessBuilder("/bin/sh", "-c", exec.command())
                    .redirectInput(input)
                    .redirectOutput(output)
                    .redirectError(Redirect.INHERIT)
                    .start();
        } catch (IOException e) {
            throw new MigrationException.Transport("the command '" + exec.command() + "' could not be started", e);
        }
    }

    private static File path(Descriptor descriptor) {
        return new File("/proc/self/fd/" + descriptor.number());
    }
}
