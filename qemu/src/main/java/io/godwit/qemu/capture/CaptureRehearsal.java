// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.engine.memory.PageBitmap;
import io.godwit.store.pages.PageId;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import io.godwit.stream.StreamWriter;
import io.godwit.stream.VmStateBuilder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * Reads a made-up guest's devices and hashes pages, before a guest is captured. A JVM runs code slowly the first times.
 * The first text of a QEMU's devices must not be read while its guest stands still: that took 15 ms.
 */
final class CaptureRehearsal {
    private static final int TIMES = 30;
    private static final int PAGES_EACH = 20;
    private static final int DEVICES = 30;
    private static final int FIELDS = 25;
    private static final int HEAD_BYTES = 4096;
    private static final int PAGES = 500;
    private static final RamBlockEntry BLOCK =
            new RamBlockEntry("ram", PAGES * PageId.PAGE_BYTES, OptionalLong.empty(), OptionalLong.empty());

    private CaptureRehearsal() {}

    /** Rehearses, for some 100 ms. */
    static void run() {
        Configuration configuration = Configuration.of("rehearsal");
        ByteBuffer tail = StreamWriter.tail(configuration, 2, devices());
        // Direct, because that is what a stream arrives in.
        ByteBuffer stream =
                ByteBuffer.allocateDirect(HEAD_BYTES + PAGES * PageRecordWriter.MAX_HEADER_BYTES + tail.remaining());
        List<RamBlockEntry> blocks = List.of(BLOCK);
        int _ = StreamWriter.header(stream)
                + StreamWriter.configuration(stream, configuration)
                + StreamWriter.ramSetup(stream, 1, blocks)
                + StreamWriter.sectionHeader(stream, SectionHeader.ram(SectionKind.END, 1));
        PageRecordWriter records = new PageRecordWriter(blocks);
        for (int i = 0; i < PAGES; i++) {
            int _ = records.zeroPage(stream, 0, (long) i * PageId.PAGE_BYTES);
        }
        int _ = StreamWriter.endOfRamSection(stream, 1);
        stream.put(tail).flip();
        PageId hasher = new PageId();
        byte[] page = new byte[PageId.PAGE_BYTES];
        byte[] id = new byte[PageId.BYTES];
        for (int i = 0; i < TIMES; i++) {
            new StreamReader(new Nobody(new PageBitmap(PAGES)), StreamLimits.DEFAULT).consume(stream.rewind());
            for (int j = 0; j < PAGES_EACH; j++) {
                hasher.of(page, 0, id, 0);
            }
        }
    }

    private static List<DeviceSection> devices() {
        List<DeviceSection> devices = new ArrayList<>();
        for (int i = 0; i < DEVICES; i++) {
            VmStateBuilder state = new VmStateBuilder("device" + i, 1);
            for (int j = 0; j < FIELDS; j++) {
                state.u32("register" + j, j);
            }
            devices.add(state.build("device" + i, 0));
        }
        return devices;
    }

    /** Who looks, as a capture does at the end, whether all pages have come. */
    private record Nobody(PageBitmap received) implements StreamListener {
        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {}

        @Override
        public void zeroPage(int blockIndex, long offset) {
            boolean _ = received.testAndSet(offset / PageId.PAGE_BYTES);
        }

        @Override
        public void deviceSections(List<DeviceSection> sections, String vmDescription) {
            if (received.count() != PAGES) {
                throw new IllegalStateException("Of " + PAGES + " pages came " + received.count() + ".");
            }
        }
    }
}
