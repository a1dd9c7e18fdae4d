// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import io.godwit.store.StoreException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;

/** Undoes compression, by Java, by the library that the store has, or by the program that people have. */
final class Decompression {
    private static final int BUFFER_BYTES = 256 << 10;

    private Decompression() {}

    /** What {@code in} has been compressed from, for what needs no program. */
    static InputStream within(Wrapping wrapping, InputStream in) throws IOException {
        return wrapping == Wrapping.GZIP ? new GZIPInputStream(in, BUFFER_BYTES) : new ZstdInputStreamNoFinalizer(in);
    }

    /** What a file has been compressed from, from a byte of it on, by a program. */
    static InputStream byProgram(Wrapping wrapping, Path file, long offset) {
        String program = wrapping.command().getFirst();
        try {
            List<ProcessBuilder> pipeline = List.of(
                    new ProcessBuilder("tail", "-c", "+" + (offset + 1), "--", file.toString()),
                    new ProcessBuilder(wrapping.command()));
            List<Process> started = ProcessBuilder.startPipeline(pipeline);
            return new ProgramOutput(program, started.getFirst(), started.getLast());
        } catch (IOException e) {
            throw new StoreException(
                    file + " is compressed by " + program + ", which does not start here: " + e.getMessage()
                            + ". Install it, or decompress the file first.",
                    e);
        }
    }

    /** The output of a program that must have ended well. */
    private static final class ProgramOutput extends FilterInputStream {
        private final String name;
        private final Process feeder;
        private final Process program;

        ProgramOutput(String name, Process feeder, Process program) {
            super(program.getInputStream());
            this.name = name;
            this.feeder = feeder;
            this.program = program;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
        }

        @Override
        public int read(byte[] into, int at, int length) throws IOException {
            int read = super.read(into, at, length);
            if (read < 0) {
                requireGoodEnd();
            }
            return read;
        }

        private void requireGoodEnd() throws IOException {
            try {
                int status = program.waitFor();
                if (status != 0) {
                    String said = new String(program.getErrorStream().readNBytes(500), StandardCharsets.UTF_8).strip();
                    throw new IOException(name + " ended with " + status + (said.isEmpty() ? "" : ": " + said));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }

        @Override
        public void close() throws IOException {
            feeder.destroy();
            program.destroy();
            super.close();
        }
    }
}
