// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;

/**
 * What stands before a section's body.
 *
 * @param kind which of the four
 * @param sectionId number chosen by the source, repeated by PART, END and the footer
 * @param idstr the device's name; on the wire only in START and FULL
 * @param instanceId tells devices of one name apart
 * @param versionId version of the body's format
 */
public record SectionHeader(SectionKind kind, int sectionId, String idstr, int instanceId, int versionId) {
    /** Type byte, section id, name, instance, version. */
    static final int MAX_BYTES = 1 + 4 + 1 + Wire.NAME_BYTES + 4 + 4;

    /** Checks the name. */
    public SectionHeader {
        Wire.nameBytes(idstr);
    }

    /** The RAM section, version 4. */
    public static SectionHeader ram(SectionKind kind, int sectionId) {
        return new SectionHeader(kind, sectionId, Wire.RAM_IDSTR, 0, Wire.RAM_VERSION);
    }

    void encode(ByteBuffer out) {
        out.put((byte) kind.wireByte()).putInt(sectionId);
        switch (kind) {
            case START, FULL -> {
                Wire.putName(out, idstr);
                out.putInt(instanceId).putInt(versionId);
            }
            case PART, END -> {}
        }
    }
}
