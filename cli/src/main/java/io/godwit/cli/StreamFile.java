// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.engine.transport.MigrationUri;
import io.godwit.stream.Inspector;
import io.godwit.stream.StreamInspection;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;

/**
 * Where a stream to inspect is: a file, standard input, or a place in a file. What a stream was wrapped into, by a
 * compressor or by libvirt, is named with the command that gets at it.
 *
 * @param name as it was typed
 * @param path empty for standard input
 * @param offset of the stream's first byte
 */
record StreamFile(String name, Optional<Path> path, long offset) {
    /** LIMIT: how far a stream is looked for in a file that begins with something else. */
    private static final int HEAD_BYTES = 1 << 20;

    /** WIRE: magic and version. */
    private static final byte[] STREAM = {'Q', 'E', 'V', 'M', 0, 0, 0, 3};

    private static final String LIBVIRT_SAVE = "LibvirtQemudSave";
    private static final String LIBVIRT_UNFINISHED = "LibvirtQemudPart";

    /** Compressors, by their first bytes, and the program that undoes them. */
    private enum Compression {
        GZIP("zcat", "1f8b"),
        ZSTD("zstdcat", "28b52ffd"),
        LZOP("lzop -dc", "894c5a4f000d0a1a0a"),
        XZ("xzcat", "fd377a585a00"),
        BZIP2("bzcat", "425a68");

        private final String program;
        private final String magic;

        Compression(String program, String magic) {
            this.program = program;
            this.magic = magic;
        }
    }

    /** {@code -}, a path, or {@code file:PATH[,offset=N]}. */
    static StreamFile parse(String text) {
        if (text.equals("-")) {
            return new StreamFile("standard input", Optional.empty(), 0);
        }
        return text.startsWith("file:") && MigrationUri.parse(text) instanceof MigrationUri.File(Path path, long offset)
                ? new StreamFile(text, Optional.of(path), offset)
                : new StreamFile(text, Optional.of(Path.of(text)), 0);
    }

    /**
     * Reads it.
     *
     * @throws CommandFailure if it cannot be read, or no stream begins here but one is wrapped up; says what to do
     */
    StreamInspection inspect() {
        try (InputStream in = path.isPresent() ? Files.newInputStream(path.get()) : System.in) {
            in.skipNBytes(offset);
            byte[] head = in.readNBytes(HEAD_BYTES);
            wrapped(head).ifPresent(sentence -> {
                throw new CommandFailure(name + " " + sentence);
            });
            return Inspector.inspect(new SequenceInputStream(new ByteArrayInputStream(head), in));
        } catch (NoSuchFileException e) {
            throw new CommandFailure(
                    "There is no file " + path.map(Path::toString).orElse(name) + ".", e);
        } catch (EOFException e) {
            throw new CommandFailure(name + " ends before byte " + offset + ".", e);
        } catch (IOException e) {
            throw new CommandFailure(name + " cannot be read: " + e.getMessage() + ".", e);
        }
    }

    /** What it is instead of a stream, and what to type; empty for a stream, and for what nobody knows. */
    private Optional<String> wrapped(byte[] head) {
        if (startsWith(head, STREAM)) {
            return Optional.empty();
        }
        for (Compression compression : Compression.values()) {
            if (startsWith(head, HexFormat.of().parseHex(compression.magic))) {
                String how = path.isPresent() && offset == 0
                        ? compression.program + " "
                                + PausedPostcopy.quoted(path.get().toString())
                        : from(offset) + compression.program;
                return Optional.of("is compressed with "
                        + compression.name().toLowerCase(Locale.ROOT) + ". Next: " + how
                        + " | godwit inspect -");
            }
        }
        if (startsWith(head, LIBVIRT_UNFINISHED.getBytes(StandardCharsets.US_ASCII))) {
            return Optional.of("is a libvirt save image that was never finished: libvirt writes " + LIBVIRT_SAVE
                    + " at its beginning when it is whole." + streamWithin(head).orElse(""));
        }
        if (startsWith(head, LIBVIRT_SAVE.getBytes(StandardCharsets.US_ASCII))) {
            return Optional.of("is a libvirt save image: libvirt's header and the machine's XML come before the"
                    + " stream."
                    + streamWithin(head)
                            .orElse(" No stream begins in its first MiB, so it may be compressed:"
                                    + " save_image_format in libvirt's qemu.conf says how."));
        }
        return streamWithin(head).map(where -> "does not begin with a migration stream." + where);
    }

    /** Where a stream begins that does not begin at once, as a sentence to add to another. */
    private Optional<String> streamWithin(byte[] head) {
        for (int at = 1; at <= head.length - STREAM.length; at++) {
            if (Arrays.equals(head, at, at + STREAM.length, STREAM, 0, STREAM.length)) {
                long begin = offset + at;
                String next = path.isPresent()
                        ? "godwit inspect " + PausedPostcopy.quoted("file:" + path.get() + ",offset=" + begin)
                        : from(begin) + "godwit inspect -";
                return Optional.of(" One begins at byte " + begin + ". Next: " + next);
            }
        }
        return Optional.empty();
    }

    /** The beginning of a command line that leaves out so many bytes. */
    private String from(long begin) {
        return path.map(file -> "tail -c +" + (begin + 1) + " " + PausedPostcopy.quoted(file.toString()) + " | ")
                .orElse(begin == 0 ? "... | " : "... | tail -c +" + (begin + 1) + " | ");
    }

    private static boolean startsWith(byte[] head, byte[] magic) {
        return head.length >= magic.length && Arrays.equals(head, 0, magic.length, magic, 0, magic.length);
    }
}
