// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.util.List;

/**
 * How a device's state is laid out: QEMU's VMState description.
 *
 * @param name its name; empty for a device of the old style, whose state is one buffer
 * @param versionId version of the layout
 * @param fields what is on the wire, in order
 * @param subsections optional parts that are on the wire after the fields, each behind a header of its own
 */
public record VmStateDescription(
        String name, int versionId, List<VmStateField> fields, List<VmStateDescription> subsections) {
    /** Copies the lists. */
    public VmStateDescription {
        fields = List.copyOf(fields);
        subsections = List.copyOf(subsections);
    }

    /** A state of which only the length is known: one buffer. */
    public static VmStateDescription opaque(int byteLength) {
        return new VmStateDescription("", 0, List.of(VmStateField.plain("data", "buffer", byteLength)), List.of());
    }

    static VmStateDescription fromJson(Json json, StreamPlace place) {
        if (json instanceof Json.Members members) {
            return fromJson(members);
        }
        throw place.fail("A description in the vmdesc is not an object.");
    }

    static VmStateDescription fromJson(Json.Members members) {
        StreamPlace place = members.place();
        List<VmStateField> fields = members.items("fields").stream()
                .map(item -> VmStateField.fromJson(item, place))
                .toList();
        if (members.member("vmsd_name").isEmpty()) {
            return new VmStateDescription("", 0, fields, List.of());
        }
        List<VmStateDescription> subsections = members.member("subsections").isEmpty()
                ? List.of()
                : members.items("subsections").stream()
                        .map(item -> fromJson(item, place))
                        .toList();
        return new VmStateDescription(members.text("vmsd_name"), members.count("version"), fields, subsections);
    }

    /** The members without the braces: QEMU puts them into objects that have others as well. */
    void membersToJson(StringBuilder out) {
        if (name.isEmpty()) {
            out.append("\"size\": ").append(fieldBytes()).append(", ");
        } else {
            out.append("\"vmsd_name\": ");
            Json.quote(out, name);
            out.append(", \"version\": ").append(versionId).append(", ");
        }
        out.append("\"fields\": [");
        for (int i = 0; i < fields.size(); i++) {
            out.append(i == 0 ? "" : ", ");
            fields.get(i).toJson(out);
        }
        out.append(']');
        if (!subsections.isEmpty()) {
            out.append(", \"subsections\": [");
            for (int i = 0; i < subsections.size(); i++) {
                out.append(i == 0 ? "{" : ", {");
                subsections.get(i).membersToJson(out);
                out.append('}');
            }
            out.append(']');
        }
    }

    /**
     * Encoded length of the fields, without subsections; anything above 2 GiB comes out as 2 GiB, which nothing has.
     */
    long fieldBytes() {
        long total = 0;
        for (VmStateField field : fields) {
            total = Math.min(total + field.totalByteLength(), 1L << 31);
        }
        return total;
    }
}
