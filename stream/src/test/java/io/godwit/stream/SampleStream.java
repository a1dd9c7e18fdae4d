// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

/** Small streams made by the writer, with every record that precopy has. */
final class SampleStream {
    static final int RAM = 2;
    static final List<RamBlockEntry> BLOCKS =
            List.of(RamBlockEntry.of("pc.ram", 16 * 4096), RamBlockEntry.of("/rom@etc/acpi/rsdp", 4096));
    static final Configuration CONFIGURATION =
            Configuration.of("godwit-1").withUuid(UUID.fromString("11111111-2222-3333-4444-555555555555"));

    private SampleStream() {}

    /** A complete migration with a return path, pages, zero pages and two devices. */
    static byte[] complete() {
        return withDevices(devices());
    }

    static byte[] withDevices(List<DeviceSection> devices) {
        ByteBuffer out = ByteBuffer.allocate(64 << 10);
        StreamWriter.header(out);
        StreamWriter.configuration(out, CONFIGURATION);
        StreamWriter.command(out, new Command.OpenReturnPath());
        StreamWriter.command(out, new Command.Ping(1));
        StreamWriter.ramSetup(out, RAM, BLOCKS);
        var pages = new PageRecordWriter(BLOCKS);
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.PART, RAM));
        pages.pageHeader(out, 0, 0);
        out.put(content(1));
        pages.zeroPage(out, 0, 4096);
        pages.zeroPage(out, 1, 0);
        StreamWriter.endOfRamSection(out, RAM);
        StreamWriter.command(out, new Command.SwitchoverStart());
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.END, RAM));
        pages.zeroPage(out, 1, 0);
        pages.pageHeader(out, 0, 15 * 4096);
        out.put(content(2));
        StreamWriter.endOfRamSection(out, RAM);
        out.put(StreamWriter.tail(CONFIGURATION, 10, devices));
        return Arrays.copyOf(out.array(), out.position());
    }

    static List<DeviceSection> devices() {
        return List.of(cpu(0), new GlobalState("running", false).toSection());
    }

    static DeviceSection cpu(int instanceId) {
        return new VmStateBuilder("kvm-cpu", 3)
                .u8("mode", 0xff)
                .u16("short", 0xfffe)
                .u32("flags", -3)
                .u64("rip", 0x1122334455667788L)
                .u64Array("registers", 1, 2, 3)
                .buffer("xsave", new byte[] {1, 2, 3, 4, 5})
                .struct(
                        "segment",
                        new VmStateBuilder("kvm-segment", 1).u64("base", 7).subsection(nested()))
                .structArray("msrs", List.of(msr(1), msr(2)))
                .subsection(nested())
                .build("cpu", instanceId);
    }

    private static VmStateBuilder nested() {
        return new VmStateBuilder("kvm-cpu/extra", 0).u32("extra", 9);
    }

    private static VmStateBuilder msr(int number) {
        return new VmStateBuilder("kvm-msr", 1).u32("number", number).u64("value", number * 100L);
    }

    static byte[] content(int seed) {
        byte[] content = new byte[4096];
        new java.util.Random(seed).nextBytes(content);
        return content;
    }
}
