// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Where a store's objects lie. An object is written once and then only read; whoever lists or opens objects sees whole
 * ones only. All methods throw {@link io.godwit.store.StoreException} when they cannot do what they should.
 *
 * <p>Threads: any number.
 */
public interface ObjectPlace {
    /** A lock. It ends with {@link #close}, and with the process, at once or soon after. */
    interface Hold extends AutoCloseable {
        @Override
        void close();
    }

    /** What stands in the file that says that this is a store; empty if there is none, and so no store. */
    Optional<byte[]> format();

    /**
     * Makes this a store: its format is written as the last thing that does so.
     *
     * @throws io.godwit.store.StoreException if something else is here
     */
    void begin(byte[] format);

    /** Begins an object; nobody sees it before it is published. Only under {@link #lockForWriting}. */
    NewObject create(ObjectName name);

    /** Opens an object. */
    StoredObject open(ObjectName name);

    /** Whether there is such an object. */
    boolean has(ObjectName name);

    /** The keys of all objects of a kind, in their order. */
    List<String> list(ObjectName.Kind kind);

    /** Files among the objects that are none, as paths in the store. */
    List<String> strangers();

    /** Removes an object; it is gone for good when this returns. */
    void remove(ObjectName name);

    /** The right to write and to collect, which one has at a time. Who does not get it is told so at once. */
    Hold lockForWriting();

    /** Keeps an object from being removed, beside others who do the same. */
    Hold holdForReading(ObjectName name);

    /** The right to remove an object, which nobody reads then. */
    Hold lockForRemoval(ObjectName name);

    /** A directory on this machine for files that only the holder of {@link #lockForWriting} uses. */
    Path scratch();

    /** The file of the index on this machine. */
    Path index();

    /** Removes what is in {@link #scratch}, and all that was begun and not published. Under the lock for writing. */
    void clearUnfinished();
}
