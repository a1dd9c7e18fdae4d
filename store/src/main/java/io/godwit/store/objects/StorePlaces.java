// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.StoreException;
import java.nio.file.Path;
import java.util.ServiceLoader;

/** Places by the addresses that people say: a directory, or {@code SCHEME://...}. */
public final class StorePlaces {
    private static final String MARK = "://";

    private StorePlaces() {}

    /** Where the names of a store's snapshots may begin at the earliest: behind the scheme and the next slash. */
    public static int leastLength(String address) {
        int mark = address.indexOf(MARK);
        return mark < 0 ? 1 : mark + MARK.length() + 1;
    }

    /**
     * The place at an address, whether or not there is anything yet.
     *
     * @throws StoreException if nobody knows places of that kind
     */
    public static ObjectPlace at(String address) {
        int mark = address.indexOf(MARK);
        if (mark < 0) {
            return DirectoryPlace.of(Path.of(address));
        }
        String scheme = address.substring(0, mark);
        return ServiceLoader.load(PlaceProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(provider -> provider.scheme().equals(scheme))
                .findFirst()
                .orElseThrow(() -> new StoreException("There is no kind of store '" + scheme + "', in " + address
                        + ". Say a directory, or s3://BUCKET/PREFIX."))
                .at(address);
    }
}
