// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.io.Serial;

/**
 * Bytes that are not a stream this version can take. The message says what is wrong and where; nothing was applied for
 * it.
 */
public final class StreamFormatException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    private final String sentence;
    private final long position;
    private final String section;
    private final boolean incomplete;

    StreamFormatException(long position, String section, String what, boolean incomplete) {
        String in = section.isEmpty() ? "" : " in " + section;
        String described = "Stream byte " + position + in + ": " + what;
        super(described);
        this.sentence = described;
        this.position = position;
        this.section = section;
        this.incomplete = incomplete;
    }

    /** What is wrong and where, a sentence. */
    @Override
    public String getMessage() {
        return sentence;
    }

    /** Byte offset, from the first byte of this stream or channel, of the record that is wrong. */
    public long position() {
        return position;
    }

    /** What was being read, as {@code section 'ram'}; empty between sections. */
    public String section() {
        return section;
    }

    /** Whether the bytes so far were right and the input merely ended too early. */
    public boolean isIncomplete() {
        return incomplete;
    }
}
