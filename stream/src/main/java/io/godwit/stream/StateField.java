// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.util.ArrayList;
import java.util.List;

/**
 * A field of a device's state, and where it lies.
 *
 * @param path its name, behind those of the structures and subsections that it is in, with dots between
 * @param type QEMU's name of its type
 * @param offset in the device's payload
 * @param elementBytes bytes of one element
 * @param elements how many there are, one behind the other
 */
public record StateField(String path, String type, int offset, int elementBytes, int elements) {
    /** Type byte, length of the name, version. */
    private static final int SUBSECTION_HEADER_BYTES = 6;

    /** Bytes of all elements. */
    public int byteLength() {
        return elementBytes * elements;
    }

    /** All fields of a payload, in order; those of structures instead of the structures. */
    public static List<StateField> of(VmStateDescription state, int payloadBytes) {
        List<StateField> found = new ArrayList<>();
        long _ = walk(state, "", 0, payloadBytes, found);
        return found;
    }

    private static long walk(VmStateDescription state, String prefix, long from, int end, List<StateField> found) {
        long at = from;
        for (VmStateField field : state.fields()) {
            String path = prefix
                    + field.name()
                    + (field.index().isPresent() ? "[" + field.index().getAsInt() + "]" : "");
            if (field.struct().isEmpty()) {
                long length = field.totalByteLength();
                if (length > 0 && at + length <= end) {
                    found.add(new StateField(
                            path,
                            field.type(),
                            (int) at,
                            field.byteLength(),
                            field.arrayLength().orElse(1)));
                }
                at += length;
                continue;
            }
            // Of structures without a byte a hostile description may have any number.
            int elements = field.byteLength() == 0 ? 0 : field.arrayLength().orElse(1);
            for (int i = 0; i < elements && at < end && found.size() < end; i++) {
                String element = path + (elements > 1 ? "[" + i + "]" : "");
                long _ = walk(field.struct().get(), element + ".", at, end, found);
                at += field.byteLength();
            }
        }
        for (VmStateDescription subsection : state.subsections()) {
            at += SUBSECTION_HEADER_BYTES + subsection.name().length();
            at = walk(subsection, prefix + subsection.name() + ".", at, end, found);
        }
        return at;
    }
}
