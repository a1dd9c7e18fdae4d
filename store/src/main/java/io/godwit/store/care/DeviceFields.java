// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.care;

import io.godwit.store.snapshots.SavedDevice;
import io.godwit.stream.StateField;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.VmDescription;
import io.godwit.stream.VmStateDescription;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The fields of stored devices by their names, as the vmdesc describes them. */
public final class DeviceFields {
    private final Map<String, VmStateDescription> states = new HashMap<>();

    private DeviceFields() {}

    /** Of a vmdesc; one that is empty or cannot be read has no fields. */
    public static DeviceFields of(String vmDescription) {
        DeviceFields fields = new DeviceFields();
        if (!vmDescription.isEmpty()) {
            try {
                for (VmDescription.Device device :
                        VmDescription.parse(vmDescription).devices()) {
                    fields.states.put(key(device.idstr(), device.instanceId()), device.state());
                }
            } catch (StreamFormatException _) {
                // Then the devices stay opaque.
            }
        }
        return fields;
    }

    private static String key(String idstr, int instanceId) {
        return instanceId + "/" + idstr;
    }

    /** All fields of a device, in order; those of structures instead of the structures. */
    public List<StateField> of(SavedDevice device) {
        VmStateDescription state = states.get(key(device.idstr(), device.instanceId()));
        return state == null ? List.of() : StateField.of(state, device.payload().byteLength());
    }

    /** Names of the fields whose bytes differ. */
    List<String> differing(SavedDevice one, SavedDevice other) {
        byte[] first = one.payload().toByteArray();
        byte[] second = other.payload().toByteArray();
        if (first.length != second.length) {
            return List.of();
        }
        return of(one).stream()
                .filter(field -> !Arrays.equals(
                        first,
                        field.offset(),
                        field.offset() + field.byteLength(),
                        second,
                        field.offset(),
                        field.offset() + field.byteLength()))
                .map(StateField::path)
                .toList();
    }
}
