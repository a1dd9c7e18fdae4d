// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

/** An object that is being written, from its first byte to its last. One thread. */
public interface NewObject extends AutoCloseable {
    /** Its name. */
    ObjectName name();

    /** How many bytes have been written. */
    long position();

    /** Writes bytes behind those before. */
    void write(byte[] from, int at, int length);

    /** Makes it last and visible. It must not be there yet. */
    void publish();

    /** Makes it last and visible, in the place of the one that was there. */
    void replace();

    /** Ends the writing; what has not been published is gone. */
    @Override
    void close();
}
