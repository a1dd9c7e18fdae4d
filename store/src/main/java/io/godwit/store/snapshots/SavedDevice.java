// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.snapshots;

import io.godwit.stream.Bytes;
import io.godwit.stream.DeviceSection;

/**
 * The state of one device, its bytes as they came.
 *
 * @param idstr the device's name; with the instance its identity
 * @param instanceId tells devices of one name apart
 * @param versionId version of the payload's format
 * @param payload all between header and footer of its section
 */
public record SavedDevice(String idstr, int instanceId, int versionId, Bytes payload) {
    /** The device of a section. */
    public static SavedDevice of(DeviceSection section) {
        return new SavedDevice(section.idstr(), section.instanceId(), section.versionId(), section.payload());
    }

    /** Its name, with the instance unless that is 0. */
    public String shown() {
        return instanceId == 0 ? idstr : idstr + "/" + Integer.toUnsignedString(instanceId);
    }
}
