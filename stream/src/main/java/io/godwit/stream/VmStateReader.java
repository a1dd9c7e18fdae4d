// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Reads what {@link VmStateBuilder} wrote. Each field is asked for by name in its order, and its name and type are
 * checked against the description that came with it, so that a state of another version fails with a sentence and not
 * with wrong registers. Not thread-safe.
 */
public final class VmStateReader {
    private final StreamPlace place;
    private final VmStateDescription description;
    private final ByteBuffer fields;
    private final List<VmStateReader> subsections;
    private int next;

    private VmStateReader(StreamPlace place, VmStateDescription description, ByteBuffer payload) {
        this.place = place;
        this.description = description;
        long length = description.fieldBytes();
        place.requireAtMost("Bytes of the fields of '" + description.name() + "'", payload.remaining(), length);
        this.fields = payload.slice(payload.position(), (int) length);
        payload.position(payload.position() + (int) length);
        this.subsections = takeSubsections(place, description, payload);
    }

    /**
     * A reader of the section's payload.
     *
     * @throws StreamFormatException if payload and description do not fit each other
     */
    public static VmStateReader of(DeviceSection section) {
        var place = StreamPlace.in("section '" + section.idstr() + "'");
        ByteBuffer payload = section.payload().toBuffer();
        var reader = new VmStateReader(place, section.description(), payload);
        place.require("Bytes after the last field", 0, payload.remaining());
        return reader;
    }

    private static List<VmStateReader> takeSubsections(
            StreamPlace place, VmStateDescription parent, ByteBuffer payload) {
        var found = new ArrayList<VmStateReader>();
        for (VmStateDescription subsection : parent.subsections()) {
            Subsections.takeHeader(payload, subsection, place);
            found.add(new VmStateReader(place, subsection, payload));
        }
        return found;
    }

    /** Version of the layout. */
    public int versionId() {
        return description.versionId();
    }

    /** One byte, unsigned. */
    public int u8(String field) {
        take(field, "uint8", 1);
        return Byte.toUnsignedInt(fields.get());
    }

    /** Two bytes, unsigned. */
    public int u16(String field) {
        take(field, "uint16", 2);
        return Short.toUnsignedInt(fields.getShort());
    }

    /** Four bytes. */
    public int u32(String field) {
        take(field, "uint32", 4);
        return fields.getInt();
    }

    /** Eight bytes. */
    public long u64(String field) {
        take(field, "uint64", 8);
        return fields.getLong();
    }

    /** Several times eight bytes; as many as were written. */
    public long[] u64Array(String field) {
        VmStateField found = next(field, "uint64");
        requireElementBytes(found, 8);
        long[] values = new long[found.arrayLength().orElse(1)];
        for (int i = 0; i < values.length; i++) {
            values[i] = fields.getLong();
        }
        return values;
    }

    /** Bytes; as many as were written. */
    public byte[] buffer(String field) {
        byte[] bytes = new byte[take(field, "buffer").byteLength()];
        fields.get(bytes);
        return bytes;
    }

    /** A nested structure. */
    public VmStateReader struct(String field) {
        return nested(take(field, "struct"));
    }

    /** All structures that stand here under this name; none if there are none. */
    public List<VmStateReader> structArray(String field) {
        var found = new ArrayList<VmStateReader>();
        while (next < description.fields().size()
                && description.fields().get(next).name().equals(field)) {
            found.add(nested(take(field, "struct")));
        }
        return found;
    }

    /** The subsection of this name, if it was sent. */
    public Optional<VmStateReader> subsection(String name) {
        return subsections.stream()
                .filter(subsection -> subsection.description.name().equals(name))
                .findFirst();
    }

    /**
     * Says that no more fields are wanted.
     *
     * @throws StreamFormatException if some are left
     */
    public void end() {
        if (next < description.fields().size()) {
            throw place.fail("The state '" + description.name() + "' has the unknown field '"
                    + description.fields().get(next).name() + "'.");
        }
    }

    private VmStateReader nested(VmStateField field) {
        if (field.struct().isEmpty()) {
            throw place.fail("The structure '" + field.name() + "' has no description.");
        }
        ByteBuffer payload = fields.slice(fields.position(), field.byteLength());
        fields.position(fields.position() + field.byteLength());
        var reader = new VmStateReader(place, field.struct().get(), payload);
        place.require("Bytes after the structure '" + field.name() + "'", 0, payload.remaining());
        return reader;
    }

    private void take(String name, String type, int byteLength) {
        requireElementBytes(take(name, type), byteLength);
    }

    private void requireElementBytes(VmStateField field, int byteLength) {
        place.require("Bytes of the field '" + field.name() + "'", byteLength, field.byteLength());
    }

    private VmStateField take(String name, String type) {
        VmStateField found = next(name, type);
        place.require(
                "Elements of the field '" + name + "'", 1, found.arrayLength().orElse(1));
        return found;
    }

    private VmStateField next(String name, String type) {
        if (next >= description.fields().size()) {
            throw place.fail("The state '" + description.name() + "' ends before the field '" + name + "'.");
        }
        VmStateField found = description.fields().get(next);
        if (!found.name().equals(name) || !found.type().equals(type)) {
            throw place.fail(
                    "The next field of '" + description.name() + "'",
                    type + " '" + name + "'",
                    found.type() + " '" + found.name() + "'");
        }
        next++;
        return found;
    }
}
