// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Puts records of the stream into big-endian buffers; the mirror of {@link StreamReader}. Every method returns how many
 * bytes it put and throws {@link java.nio.BufferOverflowException} if they do not fit. Stateless, so safe for any
 * thread; pages are put by {@link PageRecordWriter}.
 */
public final class StreamWriter {
    /** Room that suffices for everything but block list, PACKAGED command, device sections and vmdesc. */
    public static final int MAX_RECORD_BYTES = 4096;

    private StreamWriter() {}

    /** Magic and version. */
    public static int header(ByteBuffer out) {
        out.putInt(Wire.MAGIC).putInt(Wire.VERSION);
        return 8;
    }

    /** The configuration section. */
    public static int configuration(ByteBuffer out, Configuration configuration) {
        int before = out.position();
        configuration.encode(out);
        return out.position() - before;
    }

    /** A command, with the blob if it is {@link Command.Packaged}. */
    public static int command(ByteBuffer out, Command command) {
        int before = out.position();
        command.encode(out);
        return out.position() - before;
    }

    /** What stands before a section's body. */
    public static int sectionHeader(ByteBuffer out, SectionHeader section) {
        int before = out.position();
        section.encode(out);
        return out.position() - before;
    }

    /** The block list, body of the RAM section's START up to its end record. Needs {@link #ramBlockListBytes}. */
    public static int ramBlockList(ByteBuffer out, List<RamBlockEntry> blocks) {
        int before = out.position();
        ramBlockListBegin(
                out, blocks.stream().mapToLong(RamBlockEntry::usedLength).sum());
        blocks.forEach(block -> block.encode(out));
        return out.position() - before;
    }

    /** What stands before the first block of the list: the length of all together. */
    public static int ramBlockListBegin(ByteBuffer out, long totalBytes) {
        out.putLong(totalBytes | Wire.RAM_MEM_SIZE);
        return 8;
    }

    /** One block of the list. */
    public static int ramBlockEntry(ByteBuffer out, RamBlockEntry block) {
        int before = out.position();
        block.encode(out);
        return out.position() - before;
    }

    /** A bound of what {@link #ramSetup} puts. */
    public static int ramBlockListBytes(List<RamBlockEntry> blocks) {
        return SectionHeader.MAX_BYTES + 8 + blocks.size() * RamBlockEntry.MAX_BYTES + 8 + 5;
    }

    /** The whole START section of RAM. Needs {@link #ramBlockListBytes}. */
    public static int ramSetup(ByteBuffer out, int sectionId, List<RamBlockEntry> blocks) {
        return sectionHeader(out, SectionHeader.ram(SectionKind.START, sectionId))
                + ramBlockList(out, blocks)
                + endOfRamSection(out, sectionId);
    }

    /**
     * A whole PART section of RAM with a block list that takes the place of the last one. Needs {@link
     * #ramBlockListBytes}.
     */
    public static int ramChange(ByteBuffer out, int sectionId, List<RamBlockEntry> blocks) {
        return sectionHeader(out, SectionHeader.ram(SectionKind.PART, sectionId))
                + ramBlockList(out, blocks)
                + endOfRamSection(out, sectionId);
    }

    /** The end record of a RAM section's body and the footer. */
    public static int endOfRamSection(ByteBuffer out, int sectionId) {
        out.putLong(Wire.RAM_EOS);
        return 8 + sectionFooter(out, sectionId);
    }

    /** What stands after a section's body. */
    public static int sectionFooter(ByteBuffer out, int sectionId) {
        out.put((byte) Wire.SECTION_FOOTER).putInt(sectionId);
        return 5;
    }

    /** A whole FULL section. Needs {@link DeviceSection#byteLength()}. */
    public static int deviceSection(ByteBuffer out, int sectionId, DeviceSection section) {
        int before = out.position();
        sectionHeader(
                out,
                new SectionHeader(
                        SectionKind.FULL, sectionId, section.idstr(), section.instanceId(), section.versionId()));
        out.put(section.payload().toBuffer());
        sectionFooter(out, sectionId);
        return out.position() - before;
    }

    /** The end of stream mark. */
    public static int endOfStream(ByteBuffer out) {
        out.put((byte) Wire.EOF);
        return 1;
    }

    /** The vmdesc: type, length, text. */
    public static int vmDescription(ByteBuffer out, String json) {
        byte[] text = json.getBytes(StandardCharsets.UTF_8);
        out.put((byte) Wire.VM_DESCRIPTION).putInt(text.length).put(text);
        return 5 + text.length;
    }

    /**
     * Everything after the last RAM section: device sections, end of stream mark, vmdesc.
     *
     * @param firstSectionId number of the first device section; the others count on from it
     * @return a buffer positioned at the first byte
     */
    public static ByteBuffer tail(Configuration configuration, int firstSectionId, List<DeviceSection> sections) {
        String json = describe(configuration, sections).toJson();
        int length = sections.stream().mapToInt(DeviceSection::byteLength).sum() + 1 + 5 + json.length();
        ByteBuffer out = ByteBuffer.allocate(length);
        int sectionId = firstSectionId;
        for (DeviceSection section : sections) {
            deviceSection(out, sectionId++, section);
        }
        endOfStream(out);
        vmDescription(out, json);
        return out.flip();
    }

    /** The vmdesc of a stream with these device sections. */
    static VmDescription describe(Configuration configuration, List<DeviceSection> sections) {
        List<VmDescription.Device> devices = sections.stream()
                .map(section -> new VmDescription.Device(section.idstr(), section.instanceId(), section.description()))
                .toList();
        return new VmDescription(configuration.description(), Wire.PAGE_BYTES, devices);
    }
}
