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
    private final Kind kind;

    /** What is the matter with the bytes. */
    enum Kind {
        /** They break a rule of the format. */
        WRONG,
        /** They were right, and ended too early. */
        INCOMPLETE,
        /** They are right, and nothing that this version reads. */
        UNSUPPORTED
    }

    StreamFormatException(long position, String section, String what, Kind kind) {
        String in = section.isEmpty() ? "" : " in " + section;
        String described = "Stream byte " + position + in + ": " + what;
        super(described);
        this.sentence = described;
        this.position = position;
        this.section = section;
        this.kind = kind;
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
        return kind == Kind.INCOMPLETE;
    }

    /** Whether the bytes have nothing wrong but use a feature that this version does not read. */
    public boolean isUnsupported() {
        return kind == Kind.UNSUPPORTED;
    }
}
