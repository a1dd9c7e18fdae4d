// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

/** Something that the store cannot do. The message is a whole sentence. */
public class StoreException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** With what to say. */
    public StoreException(String sentence) {
        super(sentence);
    }

    /** With what to say, and what lies behind it. */
    public StoreException(String sentence, Throwable cause) {
        super(sentence, cause);
    }
}
