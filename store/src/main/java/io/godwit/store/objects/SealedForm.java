// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.zip.CRC32C;

/** The frame of a sealed file: header and footer, byte for byte, and the sums that the store uses. */
public final class SealedForm {
    /** Bytes before the body. */
    public static final int HEADER_BYTES = 16;

    /** Bytes behind the directory. */
    public static final int FOOTER_BYTES = 64;

    /** Version of all that is described in docs/store.md. */
    public static final int VERSION = 1;

    /** LIMIT: a snapshot of 16 TiB has a directory of 128 MiB. */
    static final int MAX_DIRECTORY_BYTES = 512 << 20;

    static final int SHA_BYTES = 32;

    private SealedForm() {}

    static byte[] header(long magic) {
        ByteBuffer out = ByteBuffer.allocate(HEADER_BYTES).putLong(magic).putInt(VERSION);
        return out.putInt(crc(out.array(), 0, out.position())).array();
    }

    static byte[] footer(long magic, long directoryOffset, byte[] directory) {
        ByteBuffer out = ByteBuffer.allocate(FOOTER_BYTES)
                .putLong(directoryOffset)
                .putInt(directory.length)
                .putInt(VERSION)
                .put(sha().digest(directory))
                .putLong(magic)
                .putInt(0);
        return out.putInt(crc(out.array(), 0, out.position())).array();
    }

    /** CRC-32C of bytes. */
    public static int crc(byte[] bytes, int at, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, at, length);
        return (int) crc.getValue();
    }

    /** A new SHA-256. */
    public static MessageDigest sha() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java has SHA-256.", e);
        }
    }
}
