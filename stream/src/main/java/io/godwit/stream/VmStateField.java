// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * One field of a device's state as the vmdesc describes it.
 *
 * @param name field name
 * @param type QEMU's type name, as {@code uint32}, {@code buffer}, {@code struct}
 * @param byteLength encoded length of the field, or of one element if {@code arrayLength} is present
 * @param arrayLength how many equal elements follow each other under this one description
 * @param index which element of an array this is, if the elements are described one by one
 * @param struct description of a nested structure
 */
public record VmStateField(
        String name,
        String type,
        int byteLength,
        OptionalInt arrayLength,
        OptionalInt index,
        Optional<VmStateDescription> struct) {
    private static final String STRUCT = "struct";

    static VmStateField plain(String name, String type, int byteLength) {
        return new VmStateField(name, type, byteLength, OptionalInt.empty(), OptionalInt.empty(), Optional.empty());
    }

    static VmStateField array(String name, String type, int elementBytes, int length) {
        return new VmStateField(
                name, type, elementBytes, OptionalInt.of(length), OptionalInt.empty(), Optional.empty());
    }

    static VmStateField struct(String name, OptionalInt index, int byteLength, VmStateDescription description) {
        return new VmStateField(name, STRUCT, byteLength, OptionalInt.empty(), index, Optional.of(description));
    }

    /** Encoded length with all elements. */
    public long totalByteLength() {
        return (long) byteLength * arrayLength.orElse(1);
    }

    static VmStateField fromJson(Json json, StreamPlace place) {
        if (!(json instanceof Json.Members members)) {
            throw place.fail("A field of the vmdesc is not an object.");
        }
        return new VmStateField(
                members.text("name"),
                members.text("type"),
                members.count("size"),
                optionalCount(members, "array_len"),
                optionalCount(members, "index"),
                nested(members));
    }

    private static OptionalInt optionalCount(Json.Members members, String name) {
        return members.member(name).isPresent() ? OptionalInt.of(members.count(name)) : OptionalInt.empty();
    }

    private static Optional<VmStateDescription> nested(Json.Members members) {
        // WIRE: QEMU 10.0 puts a struct's description into "struct", that of "tmp" and "vstruct" into the field itself.
        if (members.member("vmsd_name").isPresent()) {
            return Optional.of(VmStateDescription.fromJson(members));
        }
        return members.member(STRUCT).map(json -> VmStateDescription.fromJson(json, members.place()));
    }

    void toJson(StringBuilder out) {
        out.append("{\"name\": ");
        Json.quote(out, name);
        arrayLength.ifPresent(length -> out.append(", \"array_len\": ").append(length));
        index.ifPresent(i -> out.append(", \"index\": ").append(i));
        out.append(", \"type\": ");
        Json.quote(out, type);
        struct.ifPresent(description -> {
            if (type.equals(STRUCT)) {
                out.append(", \"struct\": {");
                description.membersToJson(out);
                out.append('}');
            } else {
                out.append(", ");
                description.membersToJson(out);
            }
        });
        out.append(", \"size\": ").append(byteLength).append('}');
    }
}
