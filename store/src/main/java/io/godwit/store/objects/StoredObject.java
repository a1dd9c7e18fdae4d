// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

/** An open object. Any number of threads. */
public interface StoredObject extends AutoCloseable {
    /** Its name. */
    ObjectName name();

    /** How long it is. */
    long byteLength();

    /**
     * Reads bytes from anywhere in it.
     *
     * @throws io.godwit.store.DamageException if it ends before them
     * @throws ReplacedException if it was replaced since, where the place does not keep what was there
     */
    void read(long offset, byte[] into, int at, int length);

    @Override
    void close();
}
