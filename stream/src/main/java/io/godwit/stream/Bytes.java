// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;

/** An immutable run of bytes with value equality, so that records can carry payloads. */
public final class Bytes {
    private static final Bytes EMPTY = new Bytes(new byte[0]);

    private final byte[] content;

    private Bytes(byte[] content) {
        this.content = content;
    }

    /** No bytes. */
    public static Bytes empty() {
        return EMPTY;
    }

    /** A copy of {@code content}. */
    public static Bytes copyOf(byte[] content) {
        return content.length == 0 ? EMPTY : new Bytes(content.clone());
    }

    /**
     * A copy of {@code byteLength} bytes of {@code source} from the absolute {@code index}; its position is untouched.
     */
    public static Bytes copyOf(ByteBuffer source, int index, int byteLength) {
        byte[] copy = new byte[byteLength];
        source.get(index, copy);
        return new Bytes(copy);
    }

    /** How many bytes. */
    public int byteLength() {
        return content.length;
    }

    /** The byte at {@code index}. */
    public byte at(int index) {
        return content[index];
    }

    /** A copy. */
    public byte[] toByteArray() {
        return content.clone();
    }

    /** A read-only big-endian view, positioned at the first byte. */
    public ByteBuffer toBuffer() {
        return ByteBuffer.wrap(content).asReadOnlyBuffer();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Bytes that && Arrays.equals(content, that.content);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(content);
    }

    @Override
    public String toString() {
        int shown = Math.min(content.length, 32);
        String rest = shown < content.length ? "..." : "";
        return content.length + " bytes " + HexFormat.of().formatHex(content, 0, shown) + rest;
    }
}
