// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The program in C that copies the same runs; see copyfloor.c. */
final class CopyFloor implements AutoCloseable {
    private static final Path PROGRAM = Floor.PROGRAM.resolveSibling("copyfloor");

    private final Process process;
    private final OutputStream commands;
    private final BufferedReader answers;

    static boolean isBuilt() {
        return Files.isExecutable(PROGRAM);
    }

    /** With two memories of so many MiB. */
    CopyFloor(int mebibytes, int threads) throws IOException {
        process = new ProcessBuilder(
                        PROGRAM.toString(), "-b", Integer.toString(mebibytes), "-t", Integer.toString(threads))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        commands = new BufferedOutputStream(process.getOutputStream(), 1 << 20);
        answers = process.inputReader();
        String _ = answer("ready");
    }

    /** Copies the runs of pages whose bits are set; nanoseconds. */
    long flush(long[] words, int threads) throws IOException {
        ByteBuffer runs = ByteBuffer.allocate(words.length * 64 * 4).order(ByteOrder.LITTLE_ENDIAN);
        long begin = -1;
        long pages = words.length * 64L;
        for (long page = 0; page <= pages; page++) {
            boolean set = page < pages && (words[(int) (page >>> 6)] >>> page & 1) != 0;
            if (set && begin < 0) {
                begin = page;
            } else if (!set && begin >= 0) {
                runs.putInt((int) begin).putInt((int) (page - begin));
                begin = -1;
            }
        }
        say("flush " + threads + " " + runs.position() / 8);
        commands.write(runs.array(), 0, runs.position());
        commands.flush();
        return nanos();
    }

    /** Copies what is not zero to fresh memory; nanoseconds. */
    long fill(int threads) throws IOException {
        say("fill " + threads);
        commands.flush();
        return nanos();
    }

    private void say(String line) throws IOException {
        commands.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    private long nanos() throws IOException {
        String answer = answer("nanos=");
        return Long.parseLong(answer.substring("nanos=".length(), answer.indexOf(' ')));
    }

    private String answer(String begin) throws IOException {
        String line = String.valueOf(answers.readLine());
        if (!line.startsWith(begin)) {
            throw new IOException("the floor answered '" + line + "' instead of " + begin);
        }
        return line;
    }

    @Override
    public void close() throws IOException {
        // It ends when there are no more commands.
        commands.close();
    }
}
