// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.QmpAddress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A command of the operator's that keeps the guest's disks, called while the guest stands still. */
final class DiskHook {
    private static final long LOOK_MILLIS = 50;

    /** LIMIT: what it says is kept up to here, and forgotten when that is reached. */
    private static final long MAX_OUTPUT_BYTES = 1 << 20;

    private static final int TAIL_BYTES = 4096;

    private final String command;
    private final Duration atMost;

    DiskHook(String command, Duration atMost) {
        this.command = command;
        this.atMost = atMost;
    }

    /**
     * Calls it and waits for its end. It is killed when nobody wants it any more, and when it takes too long.
     *
     * @param givenUp whether nobody wants it any more
     * @throws CaptureException if it fails, or is killed
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
                .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()));
        builder.environment().put("GODWIT_SNAPSHOT", snapshot);
        builder.environment().put("GODWIT_QMP", source.toString());
        builder.environment()
                .put(
                        "GODWIT_DISKS",
                        String.join("\n", disks.stream().map(Disk::file).toList()));
        long began = System.nanoTime();
        Process process = builder.start();
        try {
            while (!process.waitFor(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                if (givenUp.getAsBoolean()) {
                    throw new CaptureException("The capture was given up while the disk hook ran.");
                }
                if (System.nanoTime() - began > atMost.toNanos()) {
                    throw new CaptureException("The disk hook '" + command + "' took longer than "
                            + atMost.toMillis() / 1000.0 + " s, and was killed.");
                }
                forgetMuch(output);
            }
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        if (process.exitValue() != 0) {
            String last = lastLine(output);
            throw new CaptureException("The disk hook '" + command + "' ended with status " + process.exitValue()
                    + (last.isEmpty() ? "" : ", and said: " + last) + ".");
        }
    }

    private static void forgetMuch(Path output) throws IOException {
        if (Files.size(output) > MAX_OUTPUT_BYTES) {
            try (FileChannel file = FileChannel.open(output, StandardOpenOption.WRITE)) {
                FileChannel _ = file.truncate(0);
            }
        }
    }

    /** In whatever encoding: what is not UTF-8 is replaced. */
    private static String lastLine(Path output) throws IOException {
        try (FileChannel file = FileChannel.open(output, StandardOpenOption.READ)) {
            ByteBuffer tail = ByteBuffer.allocate(TAIL_BYTES);
            int length = file.read(tail, Math.max(0, file.size() - TAIL_BYTES));
            String text = new String(tail.array(), 0, Math.max(0, length), StandardCharsets.UTF_8).strip();
            return text.substring(text.lastIndexOf('\n') + 1);
        }
    }
}
