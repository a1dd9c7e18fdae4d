// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.StoreException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** What is common to all files of a store. */
public final class StoreFiles {
    private StoreFiles() {}

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
