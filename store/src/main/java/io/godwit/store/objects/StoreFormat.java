// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.objects;

import io.godwit.store.DamageException;
import io.godwit.store.StoreException;
import java.nio.charset.StandardCharsets;

/** What says that a place is a store, and of which version. */
public final class StoreFormat {
    /** The name of the file. */
    public static final String FILE = "store.format";

    /** LIMIT: what is looked at of a file that should be the format's. */
    public static final int MAX_BYTES = 4096;

    private static final String FIRST_LINE = "Godwit store\n";
    private static final String CONTENT = FIRST_LINE + "version 1\npage-bytes 4096\n";

    private StoreFormat() {}

    /** Makes a place a store, unless it is one. */
    public static void write(ObjectPlace place) {
        if (place.format().isEmpty()) {
            place.begin(CONTENT.getBytes(StandardCharsets.US_ASCII));
        }
    }

    /**
     * Refuses a place that is no store, or one of another version.
     *
     * @throws StoreException with a sentence
     */
    public static void require(ObjectPlace place) {
        byte[] found = place.format()
                .orElseThrow(() -> new StoreException(place + " is no store: it has no file " + FILE + "."));
        if (found.length > MAX_BYTES) {
            throw new DamageException(FILE, "it has " + found.length + " bytes, not " + CONTENT.length());
        }
        String said = new String(found, StandardCharsets.ISO_8859_1);
        if (said.equals(CONTENT)) {
            return;
        }
        if (said.startsWith(FIRST_LINE) && said.matches("(?s)[^\n]*\nversion [2-9][0-9]{0,3}\n.*")) {
            throw new StoreException("The store " + place + " is of a later version than this Godwit's 1: "
                    + said.lines().skip(1).findFirst().orElse("") + ".");
        }
        throw new DamageException(FILE, "it does not say what a store's says");
    }
}
