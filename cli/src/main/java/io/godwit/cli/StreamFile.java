// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.engine.transport.MigrationUri;
import io.godwit.store.StoreException;
import io.godwit.store.images.ImageSource;
import io.godwit.stream.Inspector;
import io.godwit.stream.StreamInspection;
import io.godwit.stream.StreamLimits;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * Where a stream to inspect is: a file, standard input, or a place in a file. What a stream was wrapped into, by a
 * compressor or by libvirt, is unwrapped.
 *
 * @param name as it was typed
 * @param path empty for standard input
 * @param offset of the stream's first byte, or of that of what it is wrapped in
 */
record StreamFile(String name, Optional<Path> path, long offset) {
    /** LIMIT: how far a stream is looked for in a file that begins with something else. */
    private static final int HEAD_BYTES = 1 << 20;

    /** WIRE: magic and version. */
    private static final byte[] STREAM = {'Q', 'E', 'V', 'M', 0, 0, 0, 3};

    /** {@code -}, a path, or {@code file:PATH[,offset=N]}. */
    static StreamFile parse(String text) {
        if (text.equals("-")) {
            return new StreamFile("standard input", Optional.empty(), 0);
        }
        return text.startsWith("file:") && MigrationUri.parse(text) instanceof MigrationUri.File(Path path, long offset)
                ? new StreamFile(text, Optional.of(path), offset)
                : new StreamFile(text, Optional.of(Path.of(text)), 0);
    }

    /** Opens it, to be read once. */
    ImageSource open() {
        return path.isPresent() ? ImageSource.open(path.get(), offset) : ImageSource.of(System.in, offset);
    }

    /**
     * Reads it.
     *
     * @throws CommandFailure if it cannot be read, or a stream begins elsewhere in it; says what to do
     */
    StreamInspection inspect() {
        try (ImageSource source = open()) {
            Optional<FileChannel> file = source.file();
            if (file.isPresent() && offset > 0 && offset >= file.get().size()) {
                throw new EOFException();
            }
            StreamInspection found = file.isPresent()
                    ? Inspector.inspect(file.get(), StreamLimits.DEFAULT)
                    : Inspector.inspect(source.bytes(), StreamLimits.DEFAULT);
            if (found.byteLength() == 0 && found.ending() == StreamInspection.Ending.WRONG) {
                streamWithin().ifPresent(sentence -> {
                    throw new CommandFailure(name + " does not begin with a migration stream." + sentence);
                });
            }
            return found;
        } catch (StoreException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()), e);
        } catch (EOFException e) {
            throw new CommandFailure(name + " ends before byte " + offset + ".", e);
        } catch (IOException e) {
            throw new CommandFailure(name + " cannot be read: " + e.getMessage() + ".", e);
        }
    }

    /** Where a stream begins that does not begin at once, as a sentence to add to another. */
    private Optional<String> streamWithin() throws IOException {
        if (path.isEmpty()) {
            return Optional.empty();
        }
        byte[] head;
        try (InputStream in = Files.newInputStream(path.get())) {
            in.skipNBytes(offset);
            head = in.readNBytes(HEAD_BYTES);
        }
        for (int at = 1; at <= head.length - STREAM.length; at++) {
            if (Arrays.equals(head, at, at + STREAM.length, STREAM, 0, STREAM.length)) {
                long begin = offset + at;
                return Optional.of(" One begins at byte " + begin + ". Next: godwit inspect "
                        + PausedPostcopy.quoted("file:" + path.get() + ",offset=" + begin));
            }
        }
        return Optional.empty();
    }
}
