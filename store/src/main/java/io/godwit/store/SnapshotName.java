// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import java.util.regex.Pattern;

/**
 * A snapshot's name: 1 to 4 parts with slashes between them, each of 1 to 64 letters, digits, dots, hyphens and
 * underscores, the first a letter or a digit. So no name leads out of the store.
 *
 * @param text as people write it
 */
public record SnapshotName(String text) implements Comparable<SnapshotName> {
    private static final int MAX_PARTS = 4;
    private static final Pattern PART = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    /**
     * Checks it.
     *
     * @throws StoreException if it is no name
     */
    public SnapshotName {
        String[] parts = text.split("/", -1);
        if (parts.length > MAX_PARTS) {
            throw new StoreException("The name '" + shown(text) + "' has " + parts.length
                    + " parts between slashes; a snapshot's name has at most " + MAX_PARTS + ".");
        }
        for (String part : parts) {
            if (!PART.matcher(part).matches()) {
                throw new StoreException("'" + shown(text) + "' is no name of a snapshot: '" + shown(part)
                        + "' is not 1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or a digit.");
            }
        }
    }

    /** The name that {@link #key} was made of. */
    public static SnapshotName ofKey(String key) {
        return new SnapshotName(key.replace('+', '/'));
    }

    /** The name without slashes, for a file. */
    public String key() {
        return text.replace('/', '+');
    }

    @Override
    public int compareTo(SnapshotName other) {
        return text.compareTo(other.text);
    }

    @Override
    public String toString() {
        return text;
    }

    private static String shown(String text) {
        String plain = text.replaceAll("[^ -~]", "?");
        return plain.length() <= 80 ? plain : plain.substring(0, 77) + "...";
    }
}
