// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.SnapshotName;
import java.util.HexFormat;

/**
 * The name of an object.
 *
 * @param kind what it is
 * @param key tells those of one kind apart; plain enough for a file's name
 */
public record ObjectName(Kind kind, String key) {
    /** What an object is, and so where it lies. */
    public enum Kind {
        /** Pages. */
        PACK("packs", ".pack"),
        /** A snapshot. */
        SNAPSHOT("snapshots", ".snapshot"),
        /** What a snapshot's guest wanted first when it was brought to life. */
        TRACE("snapshots", ".trace");

        private final String folder;
        private final String suffix;

        Kind(String folder, String suffix) {
            this.folder = folder;
            this.suffix = suffix;
        }

        /** Where all of the kind are. */
        public String folder() {
            return folder;
        }

        /** What the names of their files end with. */
        public String suffix() {
            return suffix;
        }
    }

    /** The pack with this number. */
    public static ObjectName pack(int number) {
        return new ObjectName(Kind.PACK, HexFormat.of().toHexDigits(number));
    }

    /** The snapshot of this name. */
    public static ObjectName snapshot(SnapshotName name) {
        return new ObjectName(Kind.SNAPSHOT, name.key());
    }

    /** The trace beside the snapshot of this name. */
    public static ObjectName trace(SnapshotName name) {
        return new ObjectName(Kind.TRACE, name.key());
    }

    /** Its path in the store. */
    public String path() {
        return kind.folder() + "/" + key + kind.suffix();
    }

    @Override
    public String toString() {
        return path();
    }
}
