// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bucket;

import io.godwit.store.DamageException;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ReplacedException;
import io.godwit.store.objects.StoredObject;

/**
 * An object of a bucket. Each question costs a way there and back, so more than asked for is read: the more, the longer
 * somebody reads on from where he was.
 */
final class BucketObject implements StoredObject {
    private static final int LEAST_BYTES = 128 << 10;
    private static final int MOST_BYTES = 8 << 20;

    private final ObjectName name;
    private final Bucket bucket;
    private final long byteLength;
    private final String tag;
    private byte[] window = new byte[0];
    private long windowOffset;

    BucketObject(ObjectName name, Bucket bucket, long byteLength, String tag) {
        this.name = name;
        this.bucket = bucket;
        this.byteLength = byteLength;
        this.tag = tag;
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
    public synchronized void read(long offset, byte[] into, int at, int length) {
        if (offset < 0 || offset > byteLength - length) {
            throw new DamageException(name.path(), "it ends before byte " + (offset + length) + ", at " + byteLength);
        }
        int done = 0;
        while (done < length) {
            long next = offset + done;
            if (next < windowOffset || next >= windowOffset + window.length) {
                fill(next, length - done);
            }
            int from = (int) (next - windowOffset);
            int taken = Math.min(length - done, window.length - from);
            System.arraycopy(window, from, into, at + done, taken);
            done += taken;
        }
    }

    private void fill(long offset, int wanted) {
        boolean goesOn = window.length > 0 && offset == windowOffset + window.length;
        long ahead = goesOn ? Math.min(2L * window.length, MOST_BYTES) : LEAST_BYTES;
        int length = (int) Math.min(Math.max(wanted, ahead), byteLength - offset);
        window = bucket.part(name.path(), tag, offset, length).orElseThrow(() -> new ReplacedException(name));
        windowOffset = offset;
        if (window.length != length) {
            throw new DamageException(name.path(), "it gives " + window.length + " bytes of " + length);
        }
    }

    @Override
    public void close() {
        // Nothing is open.
    }
}
