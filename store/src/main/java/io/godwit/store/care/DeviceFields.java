// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store.care;

import io.godwit.store.snapshots.SavedDevice;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.VmDescription;
import io.godwit.stream.VmStateDescription;
import io.godwit.stream.VmStateField;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The fields of stored devices by their names, as the vmdesc describes them. */
public final class DeviceFields {
    /** Type byte, length of the name, version. */
    private static final int SUBSECTION_HEADER_BYTES = 6;

    private final Map<String, VmStateDescription> states = new HashMap<>();

    /**
     * A field of a device.
     *
     * @param path its name, behind those of the structures that it is in, with dots between
     * @param offset in the device's payload
     */
    public record Field(String path, int offset, int byteLength) {}

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
    public List<Field> of(SavedDevice device) {
        List<Field> found = new ArrayList<>();
        VmStateDescription state = states.get(key(device.idstr(), device.instanceId()));
        if (state != null) {
            long _ = walk(state, "", 0, device.payload().byteLength(), found);
        }
        return found;
    }

    private static long walk(VmStateDescription state, String prefix, long from, int end, List<Field> found) {
        long at = from;
        for (VmStateField field : state.fields()) {
            String path = prefix
                    + field.name()
                    + (field.index().isPresent() ? "[" + field.index().getAsInt() + "]" : "");
            int elements = field.struct().isPresent() ? field.arrayLength().orElse(1) : 1;
            for (int i = 0; i < elements; i++) {
                String element = path + (elements > 1 ? "[" + i + "]" : "");
                if (field.struct().isPresent()) {
                    long _ = walk(field.struct().get(), element + ".", at, end, found);
                    at += field.byteLength();
                } else {
                    long length = field.totalByteLength();
                    if (length > 0 && at + length <= end) {
                        found.add(new Field(element, (int) at, (int) length));
                    }
                    at += length;
                }
            }
        }
        for (VmStateDescription subsection : state.subsections()) {
            at += SUBSECTION_HEADER_BYTES + subsection.name().length();
            at = walk(subsection, prefix + subsection.name() + ".", at, end, found);
        }
        return at;
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
                .map(Field::path)
                .toList();
    }
}
