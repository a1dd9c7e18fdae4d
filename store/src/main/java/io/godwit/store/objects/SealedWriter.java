// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

/** Writes a sealed file: the body as it comes, then the directory that describes it. */
public final class SealedWriter implements AutoCloseable {
    private final NewObject object;
    private final long magic;

    /** Begins one; writes its header. */
    public SealedWriter(NewObject object, long magic) {
        this.object = object;
        this.magic = magic;
        put(SealedForm.header(magic));
    }

    /** The offset in the file of what is written next. */
    public long position() {
        return object.position();
    }

    /** Writes a part of the body. */
    public void write(byte[] from, int at, int length) {
        object.write(from, at, length);
    }

    /** Writes directory and footer; the file is whole, and not yet published. */
    public void seal(byte[] directory) {
        long offset = position();
        put(directory);
        put(SealedForm.footer(magic, offset, directory));
    }

    /** Publishes it under a name that nobody has. */
    public void publish() {
        object.publish();
    }

    /** Publishes it in the place of another. */
    public void replace() {
        object.replace();
    }

    private void put(byte[] bytes) {
        object.write(bytes, 0, bytes.length);
    }

    @Override
    public void close() {
        object.close();
    }
}
