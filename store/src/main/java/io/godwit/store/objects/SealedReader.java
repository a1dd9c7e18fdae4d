// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.DamageException;
import io.godwit.store.StoreException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Reads a sealed file. Header, footer and directory are checked when it is opened; the body is checked by whoever reads
 * it, with the sums that the directory has.
 */
public final class SealedReader implements AutoCloseable {
    private final StoredObject object;
    private final long directoryOffset;
    private final byte[] directory;

    private SealedReader(StoredObject object, long directoryOffset, byte[] directory) {
        this.object = object;
        this.directoryOffset = directoryOffset;
        this.directory = directory;
    }

    /**
     * Checks what frames the body. Closes {@code object} if it is not as it should be.
     *
     * @throws DamageException if it is not what was written
     */
    public static SealedReader open(StoredObject object, long magic) {
        boolean opened = false;
        try {
            SealedReader reader = check(object, magic);
            opened = true;
            return reader;
        } finally {
            if (!opened) {
                object.close();
            }
        }
    }

    private static SealedReader check(StoredObject object, long magic) {
        String name = object.name().path();
        long length = object.byteLength();
        if (length < SealedForm.HEADER_BYTES + SealedForm.FOOTER_BYTES) {
            throw new DamageException(name, "it has only " + length + " bytes");
        }
        byte[] header = bytes(object, 0, SealedForm.HEADER_BYTES);
        byte[] footer = bytes(object, length - SealedForm.FOOTER_BYTES, SealedForm.FOOTER_BYTES);
        ByteBuffer in = ByteBuffer.wrap(footer);
        requireVersion(name, header, SealedForm.HEADER_BYTES - 8);
        if (!Arrays.equals(header, SealedForm.header(magic))) {
            throw new DamageException(name, "its header is not what was written");
        }
        if (in.getInt(60) != SealedForm.crc(footer, 0, 60)
                || in.getLong(48) != magic
                || in.getInt(56) != 0
                || in.getInt(12) != SealedForm.VERSION) {
            throw new DamageException(name, "its footer is not what was written, or it is cut short");
        }
        long offset = in.getLong(0);
        int directoryBytes = in.getInt(8);
        if (directoryBytes < 0
                || directoryBytes > SealedForm.MAX_DIRECTORY_BYTES
                || offset < SealedForm.HEADER_BYTES
                || offset + directoryBytes + SealedForm.FOOTER_BYTES != length) {
            throw new DamageException(name, "its directory is not where the footer says, or bytes are missing");
        }
        byte[] directory = bytes(object, offset, directoryBytes);
        byte[] sum = SealedForm.sha().digest(directory);
        if (!Arrays.equals(sum, 0, SealedForm.SHA_BYTES, footer, 16, 16 + SealedForm.SHA_BYTES)) {
            throw new DamageException(name, "its directory is not what was written");
        }
        return new SealedReader(object, offset, directory);
    }

    /** A whole header of a later version is no damage. */
    private static void requireVersion(String name, byte[] header, int at) {
        ByteBuffer in = ByteBuffer.wrap(header);
        int version = in.getInt(at);
        if (version != SealedForm.VERSION && in.getInt(12) == SealedForm.crc(header, 0, 12)) {
            throw new StoreException(name + " is of version " + Integer.toUnsignedString(version)
                    + "; this Godwit knows version " + SealedForm.VERSION + ".");
        }
    }

    private static byte[] bytes(StoredObject object, long offset, int length) {
        byte[] bytes = new byte[length];
        object.read(offset, bytes, 0, length);
        return bytes;
    }

    /** The object's path in the store. */
    public String name() {
        return object.name().path();
    }

    /** Where the body ends. */
    public long directoryOffset() {
        return directoryOffset;
    }

    /** The directory, big-endian, from its first byte. */
    public ByteBuffer directory() {
        return ByteBuffer.wrap(directory).asReadOnlyBuffer();
    }

    /** Bytes of the whole file. */
    public long byteLength() {
        return object.byteLength();
    }

    /** Reads a part of the body. */
    public void read(long offset, byte[] into, int at, int length) {
        if (offset < SealedForm.HEADER_BYTES || length < 0 || offset + length > directoryOffset) {
            throw damage("its directory names bytes " + offset + " to " + (offset + length) + " outside of the body");
        }
        object.read(offset, into, at, length);
    }

    /** What to throw when a part is not what was written. */
    public DamageException damage(String what) {
        return new DamageException(name(), what);
    }

    @Override
    public void close() {
        object.close();
    }
}
