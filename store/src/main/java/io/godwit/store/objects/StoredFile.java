// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.DamageException;
import io.godwit.store.StoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** An object that is a file. */
final class StoredFile implements StoredObject {
    private final ObjectName name;
    private final Path path;
    private final FileChannel channel;
    private final long byteLength;

    private StoredFile(ObjectName name, Path path, FileChannel channel, long byteLength) {
        this.name = name;
        this.path = path;
        this.channel = channel;
        this.byteLength = byteLength;
    }

    static StoredFile open(ObjectName name, Path path) {
        try {
            FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
            return new StoredFile(name, path, channel, channel.size());
        } catch (NoSuchFileException e) {
            throw new StoreException("There is no " + path + ".", e);
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be opened", e);
        }
    }

    @Override
    public ObjectName name() {
        return name;
    }

    @Override
    public long byteLength() {
        return byteLength;
    }

    @Override
    public void read(long offset, byte[] into, int at, int length) {
        ByteBuffer bytes = ByteBuffer.wrap(into, at, length);
        try {
            while (bytes.hasRemaining()) {
                int read = channel.read(bytes, offset + bytes.position() - at);
                if (read < 0) {
                    throw new DamageException(
                            name.path(), "it ends before byte " + (offset + length) + ", at " + channel.size());
                }
            }
        } catch (IOException e) {
            throw StoreFiles.failure(path + " cannot be read at byte " + offset, e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException _) {
            // Nothing was written, so nothing is lost.
        }
    }
}
