// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import io.godwit.store.StoreException;
import io.godwit.store.objects.NewObject;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.StoreFiles;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/** An object that is written to a file of this machine, and sent to the bucket when it is whole. */
final class BucketDraft implements NewObject {
    private static final int BUFFER_BYTES = 256 << 10;

    private final ObjectName name;
    private final Bucket bucket;
    private final Path draft;
    private final OutputStream out;
    private final Runnable right;
    private long position;

    /**
     * Begins it.
     *
     * @param right throws if this process may not write to the store any more; asks the bucket
     */
    BucketDraft(ObjectName name, Bucket bucket, Path draft, Runnable right) {
        this.name = name;
        this.bucket = bucket;
        this.draft = draft;
        this.right = right;
        try {
            out = new BufferedOutputStream(Channels.newOutputStream(StoreFiles.openNew(draft)), BUFFER_BYTES);
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
        return position;
    }

    @Override
    public void write(byte[] from, int at, int length) {
        try {
            out.write(from, at, length);
            position += length;
        } catch (IOException e) {
            throw StoreFiles.failure(draft + " cannot be written at byte " + position, e);
        }
    }

    @Override
    public void publish() {
        finish();
        if (bucket.putNew(name.path(), draft, UUID.randomUUID().toString()).isEmpty()) {
            throw new StoreException(name + " is in " + bucket + " already, and stays as it is.");
        }
        requireStill();
    }

    @Override
    public void replace() {
        finish();
        bucket.putAnyway(name.path(), draft);
        right.run();
    }

    private void finish() {
        try {
            out.close();
        } catch (IOException e) {
            throw StoreFiles.failure(draft + " cannot be finished", e);
        }
        right.run();
    }

    /** Sending took a while. What was published by one who had lost the right may lack pages that were collected. */
    private void requireStill() {
        try {
            right.run();
        } catch (StoreException e) {
            bucket.remove(name.path());
            throw e;
        }
    }

    @Override
    public void close() {
        try {
            out.close();
            boolean _ = Files.deleteIfExists(draft);
        } catch (IOException _) {
            // The next writer on this machine empties the directory it is in.
        }
    }
}
