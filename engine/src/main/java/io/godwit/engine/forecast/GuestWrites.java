// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/** What a guest writes, as far as passes care: how many different pages between two moments. */
@FunctionalInterface
public interface GuestWrites {
    /**
     * How many different pages the guest writes.
     *
     * @param fromNanos a moment of the guest's own time, which stands still while the guest does
     * @param toNanos a later one
     */
    double uniquePages(double fromNanos, double toNanos);
}
