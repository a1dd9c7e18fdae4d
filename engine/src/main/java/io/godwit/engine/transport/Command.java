// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.MigrationException;
import io.godwit.linux.io.Descriptor;
import io.godwit.linux.io.Pipes;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.util.concurrent.TimeUnit;

/** The command of an {@code exec:} URI, at the other end of a pipe. Its messages go to this process's standard error. */
record Command(Process process, Descriptor pipe, String text) {
    private static final long EXIT_SECONDS = 60;

    /** Starts a command that reads the stream on its standard input. */
    static Command writingTo(MigrationUri.Exec exec) {
        Pipes.Pair pipe = Pipes.pair();
        try (Descriptor childEnd = pipe.readEnd()) {
            return new Command(
                    start(exec, Redirect.from(path(childEnd)), Redirect.INHERIT), pipe.writeEnd(), exec.command());
        }
    }

    /** Starts a command that writes the stream to its standard output. */
    static Command readingFrom(MigrationUri.Exec exec) {
        Pipes.Pair pipe = Pipes.pair();
        try (Descriptor childEnd = pipe.writeEnd()) {
            return new Command(
                    start(exec, Redirect.INHERIT, Redirect.to(path(childEnd))), pipe.readEnd(), exec.command());
        }
    }

    /** Waits until the command has ended, and throws unless it did so with status 0. */
    void awaitSuccess() {
        try {
            if (!process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS)) {
                throw new MigrationException.Transport("the command '" + text
                        + "' has the whole stream and has not ended after " + EXIT_SECONDS + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        }
        if (process.exitValue() != 0) {
            throw new MigrationException.Transport(
                    "the command '" + text + "' ended with status " + process.exitValue());
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
