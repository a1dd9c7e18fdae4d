// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

/** Knows places of one kind; found as a service, so that what it needs is there only where it is wanted. */
public interface PlaceProvider {
    /** The word before {@code ://}, {@code s3} say. */
    String scheme();

    /**
     * The place at an address, whether or not there is anything yet.
     *
     * @param address all of it, with the scheme
     * @throws io.godwit.store.StoreException if that is not understood
     */
    ObjectPlace at(String address);
}
