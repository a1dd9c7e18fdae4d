// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.GuestState;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.Bytes;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import io.godwit.stream.StreamWriter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest's devices as the end of a migration stream has them: FULL sections, {@code globalstate}, end mark, vmdesc.
 */
final class DeviceTail {
    private static final int RAM_SECTION = 1;
    private static final int FIRST_SECTION = 2;

    /**
     * What stands before the devices in a stream of a guest without memory, so that a stream's reader can read them.
     */
    private static final int HEAD_BYTES = 4096;

    private DeviceTail() {}

    /** Takes the state of a guest that stands still. */
    static ByteBuffer of(Guest guest, boolean ran) {
        return StreamWriter.tail(Configuration.of(guest.machineType()), FIRST_SECTION, GuestState.save(guest, ran));
    }

    /**
     * Cuts it into sections; the guest is not touched.
     *
     * @throws MigrationException.Protocol if it is none
     */
    static List<DeviceSection> sections(Guest guest, Bytes tail) {
        Collector collector = new Collector(new ArrayList<>());
        StreamReader reader = new StreamReader(collector, StreamLimits.DEFAULT);
        Configuration configuration = Configuration.of(guest.machineType());
        ByteBuffer head = ByteBuffer.allocate(HEAD_BYTES);
        int _ = StreamWriter.header(head)
                + StreamWriter.configuration(head, configuration)
                + StreamWriter.ramSetup(head, RAM_SECTION, List.of())
                + StreamWriter.sectionHeader(head, SectionHeader.ram(SectionKind.END, RAM_SECTION))
                + StreamWriter.endOfRamSection(head, RAM_SECTION);
        try {
            reader.consume(head.flip());
            reader.consume(tail.toBuffer());
            reader.endOfInput();
        } catch (StreamFormatException e) {
            throw new MigrationException.Protocol("the devices of an epoch: " + e.getMessage(), e);
        }
        return List.copyOf(collector.into());
    }

    private record Collector(List<DeviceSection> into) implements StreamListener {
        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {}

        @Override
        public void zeroPage(int blockIndex, long offset) {}

        @Override
        public void deviceSections(List<DeviceSection> sections, String vmDescription) {
            into.addAll(sections);
        }
    }
}
