// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.DamageException;
import io.godwit.store.StoreException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** The file that says that a directory is a store, and what is common to all files of one. */
public final class StoreFiles {
    /** The file that says that a directory is a store. */
    public static final String FORMAT = "store.format";

    private static final String FIRST_LINE = "Godwit store\n";
    private static final String CONTENT = FIRST_LINE + "version 1\npage-bytes 4096\n";

    /** LIMIT: what is looked at of a file that should be the format's. */
    private static final int MAX_FORMAT_BYTES = 4096;

    private StoreFiles() {}

    /** Whether a directory says that it is a store, whatever the version. */
    public static boolean isStore(Path directory) {
        return Files.exists(directory.resolve(FORMAT));
    }

    /** Says so, as the last thing that makes it one. */
    public static void writeFormat(Path directory) {
        try {
            Path draft = directory.resolve(FORMAT + ".new");
            try (FileChannel channel = openNew(draft)) {
                int _ = channel.write(StandardCharsets.US_ASCII.encode(CONTENT));
                channel.force(true);
            }
            Path _ = Files.move(draft, directory.resolve(FORMAT), StandardCopyOption.ATOMIC_MOVE);
            syncDirectory(directory);
        } catch (IOException e) {
            throw failure("The store " + directory + " cannot be made", e);
        }
    }

    /** Refuses a directory that is no store, or one of another version. */
    public static void requireFormat(Path directory) {
        Path file = directory.resolve(FORMAT);
        String found;
        try {
            long length = Files.size(file);
            if (length > MAX_FORMAT_BYTES) {
                throw new DamageException(FORMAT, "it has " + length + " bytes, not " + CONTENT.length());
            }
            found = Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException e) {
            throw new StoreException(directory + " is no store: it has no file " + FORMAT + ".", e);
        } catch (IOException e) {
            throw failure(file + " cannot be read", e);
        }
        if (found.equals(CONTENT)) {
            return;
        }
        if (found.startsWith(FIRST_LINE) && found.matches("(?s)[^\n]*\nversion [2-9][0-9]{0,3}\n.*")) {
            throw new StoreException("The store " + directory + " is of a later version than this Godwit's 1: "
                    + found.lines().skip(1).findFirst().orElse("") + ".");
        }
        throw new DamageException(FORMAT, "it does not say what a store's says");
    }

    /** What was renamed into the directory, or removed from it, lasts. */
    static void syncDirectory(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Opens a file that is to be written from its beginning, for its owner only. */
    public static FileChannel openNew(Path path) throws IOException {
        return FileChannel.open(
                path,
                Set.of(
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }

    /** A sentence about a file that could not be used; {@code what} begins it. */
    public static StoreException failure(String what, IOException cause) {
        String reason = cause instanceof FileSystemException files && files.getReason() != null
                ? files.getReason()
                : cause instanceof FileSystemException ? cause.getClass().getSimpleName() : cause.getMessage();
        return new StoreException(what + ": " + reason + ".", cause);
    }
}
