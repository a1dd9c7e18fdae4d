// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

/**
 * The state of one device: a FULL section.
 *
 * @param idstr the device's name; with the instance its identity
 * @param instanceId tells devices of one name apart
 * @param versionId version of the payload's format
 * @param payload everything between header and footer, subsections included
 * @param description layout of the payload, as the vmdesc has it
 */
public record DeviceSection(
        String idstr, int instanceId, int versionId, Bytes payload, VmStateDescription description) {
    /** Checks the name. */
    public DeviceSection {
        Wire.nameBytes(idstr);
    }

    /** Bytes of the whole section with header and footer. */
    public int byteLength() {
        return 1 + 4 + 1 + Wire.nameBytes(idstr).length + 4 + 4 + payload.byteLength() + 5;
    }
}
