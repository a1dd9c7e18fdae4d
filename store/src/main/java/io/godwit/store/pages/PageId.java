// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

import io.godwit.store.objects.SealedForm;
import java.nio.ByteBuffer;
import java.security.DigestException;
import java.security.MessageDigest;

/** Makes the ids of pages: the first 24 bytes of the SHA-256 of their content. One thread; allocates nothing. */
public final class PageId {
    /** Bytes of a page. */
    public static final int PAGE_BYTES = 4096;

    /** Bytes of an id. */
    public static final int BYTES = 24;

    private static final int SHA_BYTES = 32;

    private final MessageDigest sha = SealedForm.sha();
    private final byte[] whole = new byte[SHA_BYTES];

    /** For one thread. */
    public PageId() {}

    /** Puts the id of the page at {@code at} of {@code content} to {@code idAt} of {@code id}. */
    public void of(byte[] content, int at, byte[] id, int idAt) {
        sha.update(content, at, PAGE_BYTES);
        try {
            int _ = sha.digest(whole, 0, SHA_BYTES);
        } catch (DigestException e) {
            throw new IllegalStateException("A SHA-256 has 32 bytes.", e);
        }
        System.arraycopy(whole, 0, id, idAt, BYTES);
    }

    /** The number by which an index looks for it. */
    static long hash(byte[] id, int at) {
        return ByteBuffer.wrap(id).getLong(at);
    }

    /** The part of it that an index keeps. */
    static long tag(byte[] id, int at) {
        return ByteBuffer.wrap(id).getShort(at + BYTES - 2) & 0xffffL;
    }
}
