// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

/** Where in a stream something is: byte offset and what is being read there. */
record StreamPlace(long position, String section) {
    /** A place in a payload that is not tied to a stream position. */
    static StreamPlace in(String section) {
        return new StreamPlace(0, section);
    }

    StreamFormatException fail(String what) {
        return new StreamFormatException(position, section, what, StreamFormatException.Kind.WRONG);
    }

    StreamFormatException fail(String what, Object expected, Object found) {
        return fail(what + ": expected " + expected + ", found " + found + ".");
    }

    StreamFormatException incomplete(String what) {
        return new StreamFormatException(position, section, what, StreamFormatException.Kind.INCOMPLETE);
    }

    /** For a feature of QEMU's that this version does not read; {@code what} names it. */
    StreamFormatException unsupported(String what) {
        return new StreamFormatException(position, section, what, StreamFormatException.Kind.UNSUPPORTED);
    }

    /** Fails unless {@code expected} equals {@code found}. */
    void require(String what, long expected, long found) {
        if (expected != found) {
            throw fail(what, expected, found);
        }
    }

    /** Fails unless {@code found} lies in {@code [0, most]}. */
    void requireAtMost(String what, long most, long found) {
        if (found < 0 || found > most) {
            throw fail(what, "at most " + most, Long.toUnsignedString(found));
        }
    }
}
