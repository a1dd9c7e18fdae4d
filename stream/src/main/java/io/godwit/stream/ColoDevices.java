// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * The devices of one checkpoint. WIRE: FULL sections and an end mark. Between two Godwits a vmdesc follows, inside the
 * announced length, by which they can be told apart. A QEMU must not get it: what it does not read of one checkpoint
 * stays in its buffer and is read as the begin of the next.
 *
 * @param deviceBytes the sections as they came, without the end mark
 * @param devices the sections, if there was a vmdesc
 */
public record ColoDevices(Bytes deviceBytes, Optional<List<DeviceSection>> devices) {
    /** Makes the bytes of a checkpoint's devices, from the buffer's position on; with or without vmdesc. */
    public static ByteBuffer encode(
            Configuration configuration, int firstSectionId, List<DeviceSection> sections, boolean described) {
        if (described) {
            return StreamWriter.tail(configuration, firstSectionId, sections);
        }
        ByteBuffer out = ByteBuffer.allocate(
                sections.stream().mapToInt(DeviceSection::byteLength).sum() + 1);
        int sectionId = firstSectionId;
        for (DeviceSection section : sections) {
            StreamWriter.deviceSection(out, sectionId++, section);
        }
        StreamWriter.endOfStream(out);
        return out.flip();
    }

    /**
     * Reads them.
     *
     * @throws StreamFormatException if they do not begin as sections do, or do not end
     */
    public static ColoDevices decode(Bytes whole, StreamLimits limits) {
        StreamPlace place = new StreamPlace(0, "devices of a checkpoint");
        int length = whole.byteLength();
        if (whole.at(0) != Wire.EOF && whole.at(0) != Wire.SECTION_FULL) {
            throw place.fail("Type of the first section", "0x4", "0x" + Integer.toHexString(whole.at(0) & 0xff));
        }
        if (whole.at(length - 1) == Wire.EOF) {
            return new ColoDevices(Bytes.copyOf(whole.toBuffer(), 0, length - 1), Optional.empty());
        }
        TailReader reader = new TailReader(limits);
        reader.begin(0);
        TailReader.Tail tail = reader.read(whole.toBuffer(), place);
        if (tail == null) {
            throw reader.unfinished(place);
        }
        int describedBytes = length - tail.vmDescription().getBytes(StandardCharsets.UTF_8).length - 6;
        return new ColoDevices(
                Bytes.copyOf(whole.toBuffer(), 0, describedBytes), Optional.of(List.copyOf(tail.sections())));
    }
}
