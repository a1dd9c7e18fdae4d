// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

/** Bytes of the store are not what was written. */
public final class DamageException extends StoreException {
    private static final long serialVersionUID = 1L;

    private final String object;
    private final String what;

    /**
     * Names what is damaged.
     *
     * @param object the file, as the store names it
     * @param what half a sentence: what in it is wrong
     */
    public DamageException(String object, String what) {
        String sentence = object + " is damaged: " + what + ".";
        super(sentence);
        this.object = object;
        this.what = what;
    }

    /** The file, as the store names it. */
    public String object() {
        return object;
    }

    /** What in it is wrong, half a sentence. */
    public String what() {
        return what;
    }
}
