// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.images;

import io.godwit.store.StoreException;
import io.godwit.store.objects.StoreFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** A file that is being exported to: new, sparse, for its owner only, gone again if it does not become whole. */
final class ExportFile implements AutoCloseable {
    private final Path path;
    private final FileChannel channel;
    private boolean whole;

    ExportFile(Path path) {
        this.path = path;
        try {
            channel = FileChannel.open(
                    path,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        } catch (FileAlreadyExistsException e) {
            throw new StoreException(path + " is there already, and stays as it is.", e);
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be made", e);
        }
    }

    void write(long offset, byte[] from, int at, int length) {
        ByteBuffer bytes = ByteBuffer.wrap(from, at, length);
        try {
            while (bytes.hasRemaining()) {
                int _ = channel.write(bytes, offset + bytes.position() - at);
            }
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be written at byte " + offset, e);
        }
    }

    void write(long offset, ByteBuffer bytes) {
        write(offset, bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
    }

    /** All is written; the file has {@code byteLength} bytes, the last of which may be a hole. */
    void finish(long byteLength) {
        try {
            if (channel.size() < byteLength) {
                write(byteLength - 1, new byte[1], 0, 1);
            }
            whole = true;
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be finished", e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
            if (!whole) {
                boolean _ = Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be closed", e);
        }
    }
}
