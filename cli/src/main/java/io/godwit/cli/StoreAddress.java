// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.StorePlaces;
import io.godwit.store.snapshots.Snapshot;

/**
 * A snapshot as people name it: {@code STORE/NAME}. The store is the first place on the way that is one; where none is,
 * it is all but the last part.
 */
record StoreAddress(ObjectPlace place, SnapshotName name) {
    static StoreAddress parse(String text) {
        int least = StorePlaces.leastLength(text);
        for (int slash = text.indexOf('/', least); slash > 0; slash = text.indexOf('/', slash + 1)) {
            ObjectPlace place = StorePlaces.at(text.substring(0, slash));
            if (place.format().isPresent()) {
                return new StoreAddress(place, new SnapshotName(text.substring(slash + 1)));
            }
        }
        int last = text.lastIndexOf('/');
        if (last < least) {
            throw new CommandFailure("'" + text + "' is no STORE/NAME: a store's directory, a slash, a name.");
        }
        return new StoreAddress(StorePlaces.at(text.substring(0, last)), new SnapshotName(text.substring(last + 1)));
    }

    /** Its store. */
    Store store() {
        return Store.open(place);
    }

    /** Opens it to be read. */
    Snapshot open() {
        return store().snapshot(name);
    }

    @Override
    public String toString() {
        return place + "/" + name;
    }
}
