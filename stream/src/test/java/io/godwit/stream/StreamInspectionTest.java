// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.godwit.stream.StreamInspection.Ending;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is said of streams that end before their file, and of those that this version does not read. */
final class StreamInspectionTest {
    private static final int TAIL_BYTES = 64 << 10;

    private static byte[] behind(byte[] stream, byte[] more) {
        byte[] all = Arrays.copyOf(stream, stream.length + more.length);
        System.arraycopy(more, 0, all, stream.length, more.length);
        return all;
    }

    private static StreamInspection inspect(byte[] bytes) throws IOException {
        return Inspector.inspect(new ByteArrayInputStream(bytes));
    }

    private static void assertWholeWithBytesBehind(StreamInspection found, byte[] stream, long behind) {
        assertThat(found.ending()).as(found.remark()).isEqualTo(Ending.COMPLETE);
        assertThat(found.byteLength()).isEqualTo(stream.length);
        assertThat(found.trailingBytes()).isEqualTo(behind);
        assertThat(found.devices()).extracting(DeviceSection::idstr).containsExactly("cpu", "globalstate");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 511, 4096, 1 << 20})
    void bytesBehindTheEndAreCountedAndTheDevicesListed(int behind) throws IOException {
        byte[] stream = SampleStream.complete();
        assertWholeWithBytesBehind(inspect(behind(stream, new byte[behind])), stream, behind);
        byte[] ones = new byte[behind];
        Arrays.fill(ones, (byte) '}');
        assertWholeWithBytesBehind(inspect(behind(stream, ones)), stream, behind);
    }

    @Test
    void anotherStreamBehindTheEndIsCountedToo() throws IOException {
        byte[] stream = SampleStream.complete();
        assertWholeWithBytesBehind(inspect(behind(stream, stream)), stream, stream.length);
    }

    @Test
    void moreBehindTheEndThanATailMayHaveIsNotKept() throws IOException {
        byte[] stream = SampleStream.complete();
        StreamLimits few = new StreamLimits(1024, 1 << 30, 1 << 30, 255, TAIL_BYTES, TAIL_BYTES, TAIL_BYTES);
        int behind = 100 * TAIL_BYTES;
        byte[] all = behind(stream, new byte[behind]);
        assertWholeWithBytesBehind(
                Inspector.inspect(Channels.newChannel(new ByteArrayInputStream(all)), few), stream, behind);
    }

    @Test
    void aMigrationStillEndsWhereItsBytesEnd() {
        byte[] all = behind(SampleStream.complete(), new byte[1]);
        StreamReader reader = new StreamReader(new Recording(), StreamLimits.DEFAULT);
        reader.consume(ByteBuffer.wrap(all));
        assertThat(catchThrowable(reader::endOfInput)).hasMessageContaining("1 bytes follow the end of the stream");
    }

    @Test
    void aStreamThatIsCutIsCutShort() throws IOException {
        byte[] stream = SampleStream.complete();
        StreamInspection found = inspect(Arrays.copyOf(stream, stream.length - 1));
        assertThat(found.ending()).isEqualTo(Ending.CUT_SHORT);
        assertThat(found.passes()).hasValue(3);
    }

    private static StreamInspection inspectPart(String records) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(64 << 10);
        StreamWriter.header(out);
        StreamWriter.configuration(out, SampleStream.CONFIGURATION);
        StreamWriter.ramSetup(out, SampleStream.RAM, SampleStream.BLOCKS);
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.PART, SampleStream.RAM));
        new PageRecordWriter(SampleStream.BLOCKS).zeroPage(out, 0, 0);
        out.put(HexFormat.of().parseHex(records.replace(" ", "")));
        StreamWriter.endOfRamSection(out, SampleStream.RAM);
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.END, SampleStream.RAM));
        StreamWriter.endOfRamSection(out, SampleStream.RAM);
        out.put(StreamWriter.tail(SampleStream.CONFIGURATION, 10, SampleStream.devices()));
        return inspect(Arrays.copyOf(out.array(), out.position()));
    }

    /** WIRE: two records as QEMU 10.0 wrote them, which go on with the block before. */
    @Test
    void pagesByXbzrleAreCountedWithoutTheirContent() throws IOException {
        StreamInspection found = inspectPart("0000000000001060 01 0004 0002930f" + "0000000000002060 01 0004 0002930f");
        assertThat(found.ending()).as(found.remark()).isEqualTo(Ending.COMPLETE);
        StreamInspection.Block first = found.blocks().getFirst();
        assertThat(first.encodedPages()).isEqualTo(2);
        assertThat(first.distinctPages()).isEqualTo(3);
        assertThat(first.kinds().of(0)).isEqualTo(StreamInspection.PageKind.ZERO);
        assertThat(first.kinds().of(1)).isEqualTo(StreamInspection.PageKind.CONTENT);
    }

    @ParameterizedTest
    @CsvSource({
        "0000000000001060 02 0004 0002930f, Encoding of an XBZRLE page",
        "0000000000001060 01 1001 0002930f, Bytes of an XBZRLE page",
        "00ffffffffff1060 01 0004 0002930f, Page offset outside RAM block"
    })
    void badXbzrleIsNamed(String record, String name) throws IOException {
        StreamInspection found = inspectPart(record);
        assertThat(found.ending()).isEqualTo(Ending.WRONG);
        assertThat(found.remark()).contains(name);
    }

    /** WIRE: a finished round as the main connection of multifd has it, in QEMU 10.0. */
    @Test
    void flushesOfMultifdAreCounted() throws IOException {
        StreamInspection found = inspectPart("0000000000000200");
        assertThat(found.ending()).as(found.remark()).isEqualTo(Ending.COMPLETE);
        assertThat(found.multifdFlushes()).isEqualTo(1);
    }

    /** WIRE: records as QEMU 7.2 (compress) writes them, their first 8 bytes. */
    @ParameterizedTest
    @CsvSource({"0000000000001100, compressed page", "0000000000001120, compressed page", "0000000000000080, RDMA"})
    void whatIsNotReadIsNamedWithItsPlace(String record, String name) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(4096);
        StreamWriter.header(out);
        StreamWriter.configuration(out, SampleStream.CONFIGURATION);
        StreamWriter.ramSetup(out, SampleStream.RAM, SampleStream.BLOCKS);
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.PART, SampleStream.RAM));
        new PageRecordWriter(SampleStream.BLOCKS).zeroPage(out, 0, 0);
        int place = out.position();
        out.putLong(Long.parseUnsignedLong(record, 16));
        StreamInspection found = inspect(Arrays.copyOf(out.array(), out.position()));
        assertThat(found.ending()).isEqualTo(Ending.UNSUPPORTED);
        assertThat(found.remark()).contains(name, "Stream byte " + place);
        assertThat(found.byteLength()).isEqualTo(place);
        assertThat(found.blocks().getFirst().zeroPages()).isEqualTo(1);
    }

    @Test
    void mappedRamIsNamed() throws IOException {
        Configuration mapped = new Configuration(
                "pc-q35-10.0", OptionalInt.empty(), List.of(Configuration.MAPPED_RAM), Optional.empty());
        ByteBuffer out = ByteBuffer.allocate(4096);
        StreamWriter.header(out);
        StreamWriter.configuration(out, mapped);
        StreamWriter.ramSetup(out, SampleStream.RAM, SampleStream.BLOCKS);
        StreamInspection found = inspect(Arrays.copyOf(out.array(), out.position()));
        assertThat(found.ending()).isEqualTo(Ending.UNSUPPORTED);
        assertThat(found.remark()).contains("mapped-ram");
        assertThat(found.configuration()).contains(mapped);
    }

    @Test
    void aBackgroundSnapshotHasNoPasses() throws IOException {
        ByteBuffer out = ByteBuffer.allocate(64 << 10);
        StreamWriter.header(out);
        StreamWriter.configuration(out, SampleStream.CONFIGURATION);
        StreamWriter.ramSetup(out, SampleStream.RAM, SampleStream.BLOCKS);
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.PART, SampleStream.RAM));
        var pages = new PageRecordWriter(SampleStream.BLOCKS);
        pages.zeroPage(out, 0, 3 * 4096);
        pages.zeroPage(out, 0, 0);
        pages.zeroPage(out, 0, 4096);
        StreamWriter.endOfRamSection(out, SampleStream.RAM);
        out.put(StreamWriter.tail(SampleStream.CONFIGURATION, 10, SampleStream.devices()));
        StreamInspection found = inspect(Arrays.copyOf(out.array(), out.position()));
        assertThat(found.ending()).as(found.remark()).isEqualTo(Ending.COMPLETE);
        assertThat(found.passes()).isEmpty();
        assertThat(found.partCount()).isEqualTo(1);
    }

    @Test
    void anyNumberOfFlushesBehindTheBlockListIsCounted() throws IOException {
        int flushes = 200_000;
        ByteBuffer out = ByteBuffer.allocate(flushes * 8 + (64 << 10));
        StreamWriter.header(out);
        StreamWriter.configuration(out, SampleStream.CONFIGURATION);
        StreamWriter.ramSetup(out, SampleStream.RAM, SampleStream.BLOCKS);
        // In the place of the end of the list's section: its end record and footer.
        out.position(out.position() - 13);
        for (int i = 0; i < flushes; i++) {
            out.putLong(0x200);
        }
        StreamWriter.endOfRamSection(out, SampleStream.RAM);
        StreamInspection found = inspect(Arrays.copyOf(out.array(), out.position()));
        assertThat(found.multifdFlushes()).isEqualTo(flushes);
        assertThat(found.ending()).as(found.remark()).isEqualTo(Ending.CUT_SHORT);
    }

    @Test
    void aDescriptionOfEndlessStructuresHasNoEndlessFields() {
        VmStateDescription byteLong =
                new VmStateDescription("inner", 1, List.of(VmStateField.plain("x", "uint8", 1)), List.of());
        VmStateField none = new VmStateField(
                "none", "struct", 0, OptionalInt.of(Integer.MAX_VALUE), OptionalInt.empty(), Optional.of(byteLong));
        VmStateField many = new VmStateField(
                "many", "struct", 1, OptionalInt.of(Integer.MAX_VALUE), OptionalInt.empty(), Optional.of(byteLong));
        VmStateDescription state = new VmStateDescription("outer", 1, List.of(none, many), List.of());
        assertThat(StateField.of(state, 16)).hasSize(16);
    }
}
