// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

/** The four ways a section can appear. */
public enum SectionKind {
    /** First of an iterable device. */
    START(Wire.SECTION_START),
    /** A further one, guest running. */
    PART(Wire.SECTION_PART),
    /** The last one, guest stopped. */
    END(Wire.SECTION_END),
    /** The only one of a device. */
    FULL(Wire.SECTION_FULL);

    private final int wireByte;

    SectionKind(int wireByte) {
        this.wireByte = wireByte;
    }

    int wireByte() {
        return wireByte;
    }
}
