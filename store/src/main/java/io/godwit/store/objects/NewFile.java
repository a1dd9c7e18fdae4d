// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.StoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** A file that gets its name when it is whole. */
final class NewFile implements NewObject {
    private static final int BUFFER_BYTES = 256 << 10;

    private final ObjectName name;
    private final Path draft;
    private final Path place;
    private final FileChannel channel;
    /** Outside of the heap: what is in the heap is copied once more for each write. */
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);

    private long flushed;
    private boolean published;

    private NewFile(ObjectName name, Path draft, Path place, FileChannel channel) {
        this.name = name;
        this.draft = draft;
        this.place = place;
        this.channel = channel;
    }

    static NewFile begin(ObjectName name, Path draft, Path place) {
        try {
            return new NewFile(name, draft, place, StoreFiles.openNew(draft));
        } catch (IOException e) {
            throw StoreFiles.failure(draft + " cannot be made", e);
        }
    }

    @Override
    public ObjectName name() {
        return name;
    }

    @Override
    public long position() {
        return flushed + buffer.position();
    }

    @Override
    public void write(byte[] from, int at, int length) {
        int done = 0;
        while (done < length) {
            if (!buffer.hasRemaining()) {
                flush();
            }
            int some = Math.min(length - done, buffer.remaining());
            buffer.put(from, at + done, some);
            done += some;
        }
    }

    private void flush() {
        writeThrough(buffer.flip());
        buffer.clear();
    }

    private void writeThrough(ByteBuffer bytes) {
        try {
            while (bytes.hasRemaining()) {
                flushed += channel.write(bytes);
            }
        } catch (IOException e) {
            throw StoreFiles.failure(draft + " cannot be written at byte " + flushed, e);
        }
    }

    @Override
    public void publish() {
        if (Files.exists(place)) {
            throw new StoreException(place + " is there already, and stays as it is.");
        }
        replace();
    }

    @Override
    public void replace() {
        flush();
        try {
            channel.force(true);
            Path _ = Files.move(draft, place, StandardCopyOption.ATOMIC_MOVE);
            published = true;
            StoreFiles.syncDirectory(place.resolveSibling(""));
        } catch (IOException e) {
            throw StoreFiles.failure(place + " cannot be finished", e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
            if (!published) {
                boolean _ = Files.deleteIfExists(draft);
            }
        } catch (IOException _) {
            // What is left of it is in the directory of unfinished files, which the next writer empties.
        }
    }
}
