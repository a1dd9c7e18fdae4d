// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The program in C that hashes and writes what a QEMU sends; see capturefloor.c. */
final class CaptureFloor {
    private static final Path PROGRAM = Floor.PROGRAM.resolveSibling("capturefloor");

    private CaptureFloor() {}

    static boolean isBuilt() {
        return Files.isExecutable(PROGRAM);
    }

    /** Takes a guest into this file, which is removed; MB a second, as its QEMU counts them. */
    static double take(QemuOfBytes qemu, Path file) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(PROGRAM.toString(), file.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader out = process.inputReader()) {
            double rate = qemu.migrate("tcp:127.0.0.1:" + out.readLine());
            String _ = out.readLine();
            if (process.waitFor() != 0) {
                throw new IOException("capturefloor ended with status " + process.exitValue());
            }
            return rate;
        } finally {
            process.destroyForcibly();
            boolean _ = Files.deleteIfExists(file);
        }
    }
}
