// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Writes a device's state and its description together. {@link VmStateReader} is the mirror. Not thread-safe. */
public final class VmStateBuilder {
    private final String name;
    private final int versionId;
    private final ByteArrayOutputStream fieldBytes = new ByteArrayOutputStream();
    private final DataOutputStream out = new DataOutputStream(fieldBytes);
    private final List<VmStateField> fields = new ArrayList<>();
    private final List<VmStateBuilder> subsections = new ArrayList<>();
    private final Map<String, Boolean> names = new HashMap<>();

    /** A layout of this name and version. */
    public VmStateBuilder(String name, int versionId) {
        Wire.nameBytes(name);
        this.name = name;
        this.versionId = versionId;
    }

    /** One byte. */
    public VmStateBuilder u8(String field, int value) {
        return add(VmStateField.plain(field, "uint8", 1), () -> out.writeByte(value));
    }

    /** Two bytes. */
    public VmStateBuilder u16(String field, int value) {
        return add(VmStateField.plain(field, "uint16", 2), () -> out.writeShort(value));
    }

    /** Four bytes. */
    public VmStateBuilder u32(String field, int value) {
        return add(VmStateField.plain(field, "uint32", 4), () -> out.writeInt(value));
    }

    /** Eight bytes. */
    public VmStateBuilder u64(String field, long value) {
        return add(VmStateField.plain(field, "uint64", 8), () -> out.writeLong(value));
    }

    /** Several times eight bytes. */
    public VmStateBuilder u64Array(String field, long... values) {
        return add(VmStateField.array(field, "uint64", 8, values.length), () -> {
            for (long value : values) {
                out.writeLong(value);
            }
        });
    }

    /** Bytes as they are. */
    public VmStateBuilder buffer(String field, byte[] value) {
        return add(VmStateField.plain(field, "buffer", value.length), () -> out.write(value));
    }

    /** A structure in the place of a field. */
    public VmStateBuilder struct(String field, VmStateBuilder nested) {
        return addStruct(field, OptionalInt.empty(), nested);
    }

    /** Structures one after the other, each described on its own. */
    public VmStateBuilder structArray(String field, List<VmStateBuilder> nested) {
        requireNew(field);
        for (int i = 0; i < nested.size(); i++) {
            byte[] payload = nested.get(i).payload();
            fields.add(VmStateField.struct(
                    field, OptionalInt.of(i), payload.length, nested.get(i).description()));
            write(() -> out.write(payload));
        }
        return this;
    }

    /** A part that not every device of this kind has. */
    public VmStateBuilder subsection(VmStateBuilder nested) {
        subsections.add(nested);
        return this;
    }

    /** The section of the device {@code idstr}, {@code instanceId}. */
    public DeviceSection build(String idstr, int instanceId) {
        return new DeviceSection(idstr, instanceId, versionId, Bytes.copyOf(payload()), description());
    }

    private VmStateDescription description() {
        List<VmStateDescription> described =
                subsections.stream().map(VmStateBuilder::description).toList();
        return new VmStateDescription(name, versionId, fields, described);
    }

    private byte[] payload() {
        var all = new ByteArrayOutputStream();
        all.writeBytes(fieldBytes.toByteArray());
        var header = new DataOutputStream(all);
        for (VmStateBuilder subsection : subsections) {
            write(() -> {
                byte[] bytes = Wire.nameBytes(subsection.name);
                header.writeByte(Wire.SUBSECTION);
                header.writeByte(bytes.length);
                header.write(bytes);
                header.writeInt(subsection.versionId);
                header.write(subsection.payload());
            });
        }
        return all.toByteArray();
    }

    private VmStateBuilder addStruct(String field, OptionalInt index, VmStateBuilder nested) {
        byte[] payload = nested.payload();
        return add(VmStateField.struct(field, index, payload.length, nested.description()), () -> out.write(payload));
    }

    private VmStateBuilder add(VmStateField field, Put put) {
        requireNew(field.name());
        fields.add(field);
        write(put);
        return this;
    }

    private void requireNew(String field) {
        if (names.put(field, true) != null) {
            throw new IllegalArgumentException("The state '" + name + "' has the field '" + field + "' already.");
        }
    }

    private static void write(Put put) {
        try {
            put.run();
        } catch (IOException e) {
            throw new UncheckedIOException("A byte array refused bytes.", e);
        }
    }

    /** Puts a field's bytes. */
    private interface Put {
        void run() throws IOException;
    }
}
