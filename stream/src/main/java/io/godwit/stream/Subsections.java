// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;

/** The header of a subsection: type byte 5, name, version. */
final class Subsections {
    private Subsections() {}

    /** Takes the header of {@code expected}. */
    static void takeHeader(ByteBuffer in, VmStateDescription expected, StreamPlace place) {
        if (!in.hasRemaining()) {
            throw place.fail("The subsection '" + expected.name() + "' is missing.");
        }
        place.require("Type byte of the subsection '" + expected.name() + "'", Wire.SUBSECTION, in.get());
        String name = Wire.takeName(in, place, "The subsection's name");
        if (!name.equals(expected.name())) {
            throw place.fail("Subsection", "'" + expected.name() + "'", "'" + name + "'");
        }
        if (in.remaining() < 4) {
            throw place.fail("The subsection '" + name + "' ends in its header.");
        }
        place.require("Version of the subsection '" + name + "'", expected.versionId(), in.getInt());
    }
}
