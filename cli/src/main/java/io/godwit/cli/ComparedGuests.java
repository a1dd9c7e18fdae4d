// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.images.ImageSource;
import io.godwit.store.images.StreamImport;
import io.godwit.store.snapshots.Manifest;
import io.godwit.store.snapshots.Snapshot;
import io.godwit.store.snapshots.SnapshotWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Guests that are compared: in stores, or in files, which go into a store of their own until {@link #close}. */
final class ComparedGuests implements AutoCloseable {
    private Optional<Path> directory = Optional.empty();
    private int imported;

    /** Opens a snapshot of a store, or that of a file. */
    Snapshot open(String text) {
        return isFile(text) ? imported(text) : StoreAddress.parse(text).open();
    }

    private static boolean isFile(String text) {
        return text.equals("-") || text.startsWith("file:") || Files.isRegularFile(Path.of(text));
    }

    private Snapshot imported(String file) {
        try (ImageSource source = StreamFile.parse(file).open()) {
            Store store = Store.openOrCreate(directory().resolve("store"));
            SnapshotName name = new SnapshotName("file-" + imported++);
            try (SnapshotWriter writer = store.write(name)) {
                Manifest _ = StreamImport.read(source, writer, Map.of());
            }
            return store.snapshot(name);
        }
    }

    private Path directory() {
        try {
            Path made = directory.isPresent() ? directory.get() : Files.createTempDirectory("godwit-diff");
            directory = Optional.of(made);
            return made;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        if (directory.isEmpty()) {
            return;
        }
        try (Stream<Path> left = Files.walk(directory.get())) {
            for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
