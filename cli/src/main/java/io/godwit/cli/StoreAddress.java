// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.objects.StoreFiles;
import io.godwit.store.snapshots.Snapshot;
import java.nio.file.Path;

/**
 * A snapshot as people name it: {@code STORE/NAME}. The store is the first directory on the way that is one; where none
 * is, it is all but the last part.
 */
record StoreAddress(Path directory, SnapshotName name) {
    static StoreAddress parse(String text) {
        for (int slash = text.indexOf('/', 1); slash > 0; slash = text.indexOf('/', slash + 1)) {
            Path directory = Path.of(text.substring(0, slash));
            if (StoreFiles.isStore(directory)) {
                return new StoreAddress(directory, new SnapshotName(text.substring(slash + 1)));
            }
        }
        int last = text.lastIndexOf('/');
        if (last <= 0) {
            throw new CommandFailure("'" + text + "' is no STORE/NAME: a store's directory, a slash, a name.");
        }
        return new StoreAddress(Path.of(text.substring(0, last)), new SnapshotName(text.substring(last + 1)));
    }

    /** The store. */
    Store store() {
        return Store.open(directory);
    }

    /** Opens it to be read. */
    Snapshot open() {
        return store().snapshot(name);
    }

    @Override
    public String toString() {
        return directory + "/" + name;
    }
}
