// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.store.StoreException;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.SealedReader;
import io.godwit.store.objects.SealedWriter;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;

/**
 * Which pages a guest wanted when it was brought to life, in their order. It only says what is worth reading first, so
 * one that is missing or damaged is as good as none. Immutable.
 */
public final class AccessTrace {
    /** LIMIT: 256 MiB of pages. What comes behind that is no beginning any more. */
    public static final int MAX_PLACES = 65_536;

    /** {@code GODWTRAC}. */
    private static final long MAGIC = 0x474f_4457_5452_4143L;

    private static final int PAGE_BITS = 48;

    private final long[] places;

    private AccessTrace(long[] places) {
        this.places = places;
    }

    /** Of pages, as {@link #place} makes them. */
    public static AccessTrace of(long... places) {
        return new AccessTrace(places.clone());
    }

    /** A page of a block. */
    public static long place(int block, long page) {
        return ((long) block << PAGE_BITS) | page;
    }

    /** How many pages. */
    public int count() {
        return places.length;
    }

    /** The block of one, as an index in the snapshot's list; from 0, in the order in which they were wanted. */
    public int block(int index) {
        return (int) (places[index] >>> PAGE_BITS);
    }

    /** Its number in the block. */
    public long page(int index) {
        return places[index] & ((1L << PAGE_BITS) - 1);
    }

    /** The trace that is kept under this name; empty if there is none that can be read. */
    public static Optional<AccessTrace> read(ObjectPlace place, ObjectName name) {
        if (!place.has(name)) {
            return Optional.empty();
        }
        try (SealedReader file = SealedReader.open(place.open(name), MAGIC)) {
            ByteBuffer in = file.directory();
            if (in.remaining() % Long.BYTES != 0 || in.remaining() > MAX_PLACES * Long.BYTES) {
                return Optional.empty();
            }
            long[] places = new long[in.remaining() / Long.BYTES];
            in.asLongBuffer().get(places);
            return Optional.of(new AccessTrace(places));
        } catch (StoreException _) {
            return Optional.empty();
        }
    }

    /** Keeps it, in the place of an earlier one; under the lock for writing. */
    public void write(ObjectPlace place, ObjectName name) {
        ByteBuffer out = ByteBuffer.allocate(places.length * Long.BYTES);
        out.asLongBuffer().put(places);
        try (SealedWriter file = new SealedWriter(place.create(name), MAGIC)) {
            file.seal(out.array());
            file.replace();
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof AccessTrace trace && Arrays.equals(places, trace.places);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(places);
    }

    @Override
    public String toString() {
        return places.length + " pages";
    }
}
