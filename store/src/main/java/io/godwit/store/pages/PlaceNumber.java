// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.pages;

/** Where a page's content is, as one number: zero, nowhere, or a page of a pack. */
public final class PlaceNumber {
    /** A page of zeros. */
    public static final long ZERO = 0;

    /** A page that never came. */
    public static final long ABSENT = 1;

    private static final int PAGE_BITS = 16;
    private static final long PAGE_MASK = (1L << PAGE_BITS) - 1;

    private PlaceNumber() {}

    /** Page {@code page} of pack {@code pack}. */
    public static long of(int pack, int page) {
        return (Integer.toUnsignedLong(pack) << PAGE_BITS) | page;
    }

    /** Whether it is a page of a pack. */
    public static boolean isStored(long place) {
        return place > PAGE_MASK;
    }

    /** The pack's number. */
    public static int pack(long place) {
        return (int) (place >>> PAGE_BITS);
    }

    /** The page's number in its pack. */
    public static int page(long place) {
        return (int) (place & PAGE_MASK);
    }

    /** Whether it is a number that a snapshot may have. */
    public static boolean isValid(long place) {
        return place == ZERO || place == ABSENT || (isStored(place) && place >>> PAGE_BITS <= 0xffff_ffffL);
    }
}
