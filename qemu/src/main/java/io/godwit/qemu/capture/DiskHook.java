// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.QmpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A command of the operator's that keeps the guest's disks, called while the guest stands still. */
final class DiskHook {
    private static final long LOOK_MILLIS = 50;

    private final String command;

    DiskHook(String command) {
        this.command = command;
    }

    /**
     * Calls it and waits for its end.
     *
     * @param givenUp whether nobody wants it any more
     * @throws CaptureException if it fails
     */
    void call(String snapshot, QmpAddress source, List<Disk> disks, BooleanSupplier givenUp) {
        try {
            Path output = Files.createTempFile("godwit-hook", ".out");
            try {
                run(snapshot, source, disks, output, givenUp);
            } finally {
                Files.delete(output);
            }
        } catch (IOException e) {
            throw new CaptureException("The disk hook '" + command + "' cannot be called: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CaptureException("The capture was interrupted while the disk hook ran.", e);
        }
    }

    private void run(String snapshot, QmpAddress source, List<Disk> disks, Path output, BooleanSupplier givenUp)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder("/bin/sh", "-c", command)
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().put("GODWIT_SNAPSHOT", snapshot);
        builder.environment().put("GODWIT_QMP", source.toString());
        builder.environment()
                .put(
                        "GODWIT_DISKS",
                        String.join("\n", disks.stream().map(Disk::file).toList()));
        Process process = builder.start();
        while (!process.waitFor(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
            if (givenUp.getAsBoolean()) {
                process.descendants().forEach(ProcessHandle::destroy);
                process.destroy();
                throw new CaptureException("The capture was given up while the disk hook ran.");
            }
        }
        if (process.exitValue() != 0) {
            String last = Files.readString(output).strip();
            last = last.substring(last.lastIndexOf('\n') + 1);
            throw new CaptureException("The disk hook '" + command + "' ended with status " + process.exitValue()
                    + (last.isEmpty() ? "" : ", and said: " + last) + ".");
        }
    }
}
