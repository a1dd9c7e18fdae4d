// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import io.godwit.stream.StreamWriter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Walks through the part of a migration that happens while the guest stands still, before the guest has ever run:
 * devices are saved, written, read and loaded again. A JVM runs code slowly the first times, and the first time must
 * not be when it counts.
 */
public final class SwitchoverRehearsal {
    private static final int TIMES = 10;
    private static final int HEAD_BYTES = 4096;

    private SwitchoverRehearsal() {}

    /** Rehearses with a guest whose vCPUs do not run; its state is the same afterwards. */
    public static void with(Guest guest) {
        Configuration configuration = Configuration.of(guest.machineType());
        for (int i = 0; i < TIMES; i++) {
            ByteBuffer tail = StreamWriter.tail(configuration, 2, GuestState.save(guest, true));
            // Direct, because that is what a stream arrives in.
            ByteBuffer buffer = ByteBuffer.allocateDirect(HEAD_BYTES + tail.remaining());
            int _ = StreamWriter.header(buffer)
                    + StreamWriter.configuration(buffer, configuration)
                    + StreamWriter.ramSetup(buffer, 1, List.of())
                    + StreamWriter.sectionHeader(buffer, SectionHeader.ram(SectionKind.END, 1))
                    + StreamWriter.endOfRamSection(buffer, 1);
            buffer.put(tail);
            List<DeviceSection> arrived = new ArrayList<>();
            new StreamReader(new Collector(arrived), StreamLimits.DEFAULT).consume(buffer.flip());
            boolean _ = GuestState.load(guest, arrived);
        }
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
