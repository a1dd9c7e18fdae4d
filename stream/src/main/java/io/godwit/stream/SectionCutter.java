// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts device sections, which have no length of their own, by the vmdesc that describes them; checks every header and
 * footer.
 */
final class SectionCutter {
    private final ByteBuffer in;
    private final long base;

    /**
     * Cuts what {@code in} has from its position on, and leaves it behind the last section.
     *
     * @param base stream position of {@code in}'s index 0
     */
    SectionCutter(ByteBuffer in, long base) {
        this.in = in;
        this.base = base;
    }

    /**
     * All sections that {@code description} describes, in its order.
     *
     * @throws StreamFormatException if the bytes are not these sections
     */
    List<DeviceSection> cut(VmDescription description) {
        var sections = new ArrayList<DeviceSection>();
        for (VmDescription.Device device : description.devices()) {
            sections.add(section(device));
        }
        return sections;
    }

    private DeviceSection section(VmDescription.Device device) {
        StreamPlace place = place("section '" + device.idstr() + "'");
        if (!in.hasRemaining()) {
            throw place.fail("The vmdesc describes a section that is not there.");
        }
        int type = Byte.toUnsignedInt(in.get());
        if (type == Wire.SECTION_START || type == Wire.SECTION_PART || type == Wire.SECTION_END) {
            throw place.unsupported(
                    "RAM goes on after a device section. Devices that send their state during setup (virtio-mem)"
                            + " are not supported.");
        }
        if (type != Wire.SECTION_FULL) {
            throw place.fail("Type of a device section", "0x4", "0x" + Integer.toHexString(type));
        }
        requireBytes(4, place);
        int sectionId = in.getInt();
        String idstr = Wire.takeName(in, place, "The section's name");
        requireBytes(8, place);
        int instanceId = in.getInt();
        int versionId = in.getInt();
        if (!idstr.equals(device.idstr()) || instanceId != device.instanceId()) {
            throw place.fail(
                    "The section is not the one of the vmdesc",
                    device.idstr() + "/" + device.instanceId(),
                    idstr + "/" + instanceId);
        }
        int payloadAt = in.position();
        skip(device.state(), place);
        Bytes payload = Bytes.copyOf(in, payloadAt, in.position() - payloadAt);
        StreamPlace footer = place(place.section());
        requireBytes(5, footer);
        int mark = Byte.toUnsignedInt(in.get());
        if (mark != Wire.SECTION_FOOTER) {
            throw footer.fail("Missing footer, where the vmdesc says it is", "0x7e", "0x" + Integer.toHexString(mark));
        }
        footer.require("Section id in the footer", sectionId, in.getInt());
        return new DeviceSection(idstr, instanceId, versionId, payload, device.state());
    }

    private void skip(VmStateDescription state, StreamPlace place) {
        for (VmStateField field : state.fields()) {
            long length = field.totalByteLength();
            if (length > in.remaining()) {
                throw place.fail("Field '" + field.name() + "'", "at most " + in.remaining() + " bytes", length);
            }
            in.position(in.position() + (int) length);
        }
        for (VmStateDescription subsection : state.subsections()) {
            Subsections.takeHeader(in, subsection, place);
            skip(subsection, place);
        }
    }

    private void requireBytes(int needed, StreamPlace place) {
        if (in.remaining() < needed) {
            throw place.fail("The section ends in its header or footer", needed + " bytes", in.remaining());
        }
    }

    private StreamPlace place(String section) {
        return new StreamPlace(base + in.position(), section);
    }
}
