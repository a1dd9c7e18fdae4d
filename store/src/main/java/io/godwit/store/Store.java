// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import io.godwit.store.objects.DirectoryPlace;
import io.godwit.store.objects.ObjectName;
import io.godwit.store.objects.ObjectPlace;
import io.godwit.store.objects.StoreFormat;
import io.godwit.store.snapshots.AccessTrace;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A store of guests that stand still. One process writes at a time, any number reads. The format is described in
 * docs/store.md. All methods throw {@link StoreException} when they cannot do what they should.
 *
 * <p>Threads: any number.
 */
public final class Store {
    private final ObjectPlace place;

    private Store(ObjectPlace place) {
        this.place = place;
    }

    /** The store whose objects lie there; its format has been looked at. */
    static Store at(ObjectPlace place) {
        return new Store(place);
    }

    /**
     * The store at a place.
     *
     * @throws StoreException if it is none, or of a later version
     */
    public static Store open(ObjectPlace place) {
        StoreFormat.require(place);
        return new Store(place);
    }

    /** The store in a directory. */
    public static Store open(Path directory) {
        return open(DirectoryPlace.of(directory));
    }

    /** The store at a place, which is made one if there is nothing. */
    public static Store openOrCreate(ObjectPlace place) {
        StoreFormat.write(place);
        return open(place);
    }

    /** The store in a directory, which is made if there is nothing. */
    public static Store openOrCreate(Path directory) {
        return openOrCreate(DirectoryPlace.of(directory));
    }

    /** Where its objects lie. */
    public ObjectPlace place() {
        return place;
    }

    /** The names of all snapshots, in alphabetical order. */
    public List<SnapshotName> snapshots() {
        return place.list(ObjectName.Kind.SNAPSHOT).stream()
                .flatMap(key -> name(key).stream())
                .sorted()
                .toList();
    }

    /** The name that a key stands for; empty if somebody else put the file there. */
    private static Optional<SnapshotName> name(String key) {
        try {
            return Optional.of(SnapshotName.ofKey(key))
                    .filter(name -> name.key().equals(key));
        } catch (StoreException _) {
            return Optional.empty();
        }
    }

    /** Opens a snapshot to read it; it stays until it is closed. */
    public Snapshot snapshot(SnapshotName name) {
        return Snapshot.open(place, name);
    }

    /** Begins a snapshot of a name that nobody has. */
    public SnapshotWriter write(SnapshotName name) {
        return new SnapshotWriter(place, name);
    }

    /** Removes a snapshot that nobody reads. Its pages stay until they are collected. */
    public void remove(SnapshotName name) {
        ObjectName object = ObjectName.snapshot(name);
        if (!place.has(object)) {
            throw new StoreException("There is no snapshot '" + name + "' in " + place + ".");
        }
        try (ObjectPlace.Hold _ = place.lockForRemoval(object)) {
            place.remove(object);
        }
        if (place.has(ObjectName.trace(name))) {
            place.remove(ObjectName.trace(name));
        }
    }

    /** What a snapshot's guest wanted first when it was brought to life, if that is known. */
    public Optional<AccessTrace> trace(SnapshotName name) {
        return AccessTrace.read(place, ObjectName.trace(name));
    }

    /** Keeps that, in the place of what was known before. Refused while somebody writes or collects. */
    public void keepTrace(SnapshotName name, AccessTrace trace) {
        try (ObjectPlace.Hold _ = place.lockForWriting()) {
            trace.write(place, ObjectName.trace(name));
        }
    }

    @Override
    public String toString() {
        return place.toString();
    }
}
