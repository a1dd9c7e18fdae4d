// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Streams that QEMU 10.0.2 wrote: {@code -M none}, without and with {@code -uuid} and validate-uuid. */
final class CapturedStreamTest {
    @ParameterizedTest
    @ValueSource(strings = {"qemu-10.0-none.bin", "qemu-10.0-none-uuid.bin"})
    void writerMakesTheSameBytesFromWhatReaderSaw(String name) {
        byte[] captured = Recording.resource(name);
        Recording seen = Recording.of(captured, captured.length);
        var configuration = (Configuration) seen.events.getFirst();
        ByteBuffer out = ByteBuffer.allocate(captured.length);
        StreamWriter.header(out);
        StreamWriter.configuration(out, configuration);
        StreamWriter.ramSetup(out, 1, java.util.List.of());
        StreamWriter.command(out, new Command.SwitchoverStart());
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.END, 1));
        StreamWriter.endOfRamSection(out, 1);
        StreamWriter.deviceSection(out, 0, seen.devices.get(0));
        StreamWriter.deviceSection(out, 3, seen.devices.get(1));
        ByteBuffer tail = StreamWriter.tail(configuration, 0, seen.devices);
        int sections = seen.devices.stream().mapToInt(DeviceSection::byteLength).sum();
        out.put(tail.slice(sections, tail.limit() - sections));
        assertThat(out.array()).isEqualTo(captured);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 4096})
    void chunkingMakesNoDifference(int chunkBytes) {
        byte[] captured = Recording.resource("qemu-10.0-none-uuid.bin");
        assertThat(Recording.of(captured, chunkBytes).events).isEqualTo(Recording.of(captured, captured.length).events);
        byte[] sample = SampleStream.complete();
        assertThat(Recording.of(sample, chunkBytes).events).isEqualTo(Recording.of(sample, sample.length).events);
    }

    @Test
    void globalStateIsQemusByteForByte() {
        Recording seen = Recording.of(Recording.resource("qemu-10.0-none.bin"), 100);
        DeviceSection captured = seen.devices.get(1);
        GlobalState state = GlobalState.decode(captured);
        assertThat(state).isEqualTo(new GlobalState("prelaunch", false));
        assertThat(state.toSection()).isEqualTo(captured);
    }

    @Test
    void inspectionListsWhatIsThere() throws IOException {
        byte[] captured = Recording.resource("qemu-10.0-none-uuid.bin");
        StreamInspection found = Inspector.inspect(new ByteArrayInputStream(captured));
        assertThat(found.complete()).as(found.remark()).isTrue();
        assertThat(found.configuration().orElseThrow().machine()).isEqualTo("none");
        assertThat(found.configuration().orElseThrow().uuid())
                .contains(UUID.fromString("11111111-2222-3333-4444-555555555555"));
        assertThat(found.devices()).extracting(DeviceSection::idstr).containsExactly("timer", "globalstate");
        assertThat(found.devices())
                .extracting(device -> device.payload().byteLength())
                .containsExactly(24, 104);
        assertThat(found.byteLength()).isEqualTo(captured.length);
        assertThat(found.commands())
                .extracting(StreamInspection.PlacedCommand::command)
                .containsExactly(new Command.SwitchoverStart());
    }

    @Test
    void inspectionCountsPages() throws IOException {
        StreamInspection found = Inspector.inspect(new ByteArrayInputStream(SampleStream.complete()));
        assertThat(found.complete()).as(found.remark()).isTrue();
        assertThat(found.blocks())
                .extracting(StreamInspection.Block::entry)
                .containsExactlyElementsOf(SampleStream.BLOCKS);
        assertThat(found.blocks())
                .extracting(
                        StreamInspection.Block::normalPages,
                        StreamInspection.Block::zeroPages,
                        StreamInspection.Block::encodedPages,
                        StreamInspection.Block::distinctPages)
                .containsExactly(tuple(2L, 1L, 0L, 3L), tuple(0L, 2L, 0L, 1L));
        assertThat(found.passes()).hasValue(3);
        assertThat(found.partCount()).isEqualTo(1);
        assertThat(found.devices().get(0).description().subsections())
                .extracting(VmStateDescription::name)
                .containsExactly("kvm-cpu/extra");
    }
}
