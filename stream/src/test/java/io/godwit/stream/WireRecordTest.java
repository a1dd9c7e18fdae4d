// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every record has its golden bytes, mostly seen from QEMU 10.0.2, and comes back from them. */
final class WireRecordTest {
    private static final String PC_RAM = "06 70632e72616d";

    static List<Arguments> commands() {
        return List.of(
                Arguments.of(new Command.OpenReturnPath(), "08 0001 0000"),
                Arguments.of(new Command.Ping(0x42), "08 0002 0004 00000042"),
                Arguments.of(
                        new Command.PostcopyAdvise(OptionalLong.of(0x1000), OptionalLong.of(0x1000)),
                        "08 0003 0010 0000000000001000 0000000000001000"),
                Arguments.of(new Command.PostcopyAdvise(OptionalLong.empty(), OptionalLong.empty()), "08 0003 0000"),
                Arguments.of(new Command.PostcopyListen(), "08 0004 0000"),
                Arguments.of(new Command.PostcopyRun(), "08 0005 0000"),
                Arguments.of(
                        new Command.PostcopyRamDiscard("pc.ram", List.of(new Command.Range(0x1000, 0x800000))),
                        "08 0006 0019 00" + PC_RAM + "00 0000000000001000 0000000000800000"),
                Arguments.of(
                        new Command.Packaged(Bytes.copyOf(new byte[] {8, 0, 4, 0, 0})),
                        "08 0007 0004 00000005 0800040000"),
                Arguments.of(new Command.EnableColo(), "08 0008 0000"),
                Arguments.of(new Command.PostcopyResume(), "08 0009 0000"),
                Arguments.of(new Command.ReceivedBitmap("pc.ram"), "08 000a 0007" + PC_RAM),
                Arguments.of(new Command.SwitchoverStart(), "08 000b 0000"));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void commandHasItsBytes(Command command, String digits) {
        byte[] golden = Recording.hex(digits);
        ByteBuffer out = ByteBuffer.allocate(golden.length);
        assertThat(StreamWriter.command(out, command)).isEqualTo(golden.length).isEqualTo(command.byteLength());
        assertThat(hex(out.array())).isEqualTo(hex(golden));
        if (command instanceof Command.Packaged) {
            return;
        }
        ByteBuffer data = ByteBuffer.wrap(golden, 5, golden.length - 5).slice();
        assertThat(CommandDecoder.decode(command.id(), data, StreamPlace.in("test")))
                .isEqualTo(command);
    }

    static List<Arguments> messages() {
        byte[] bitmap = new byte[512];
        Arrays.fill(bitmap, (byte) 0xff);
        byte[] tables = new byte[8];
        Arrays.fill(tables, 0, 4, (byte) 0xff);
        return List.of(
                Arguments.of(new ReturnPathMessage.Shut(0), "0001 0004 00000000"),
                Arguments.of(new ReturnPathMessage.Pong(4), "0002 0004 00000004"),
                Arguments.of(
                        new ReturnPathMessage.RequestPagesOf("pc.ram", 0x1a0000, 0x1000),
                        "0003 0013 00000000001a0000 00001000" + PC_RAM),
                Arguments.of(
                        new ReturnPathMessage.ReceivedBitmap("pc.ram", Bytes.copyOf(bitmap)),
                        "0005 0007" + PC_RAM + "0000000000000200" + "ff".repeat(512) + "0123456789abcdef"),
                Arguments.of(
                        new ReturnPathMessage.ReceivedBitmap("/rom@etc/acpi/tables", Bytes.copyOf(tables)),
                        "0005 0015 14" + ascii("/rom@etc/acpi/tables")
                                + "0000000000000008 ffffffff00000000 0123456789abcdef"),
                Arguments.of(new ReturnPathMessage.ResumeAck(1), "0006 0004 00000001"),
                Arguments.of(new ReturnPathMessage.SwitchoverAck(), "0007 0000"));
    }

    @ParameterizedTest
    @MethodSource("messages")
    void returnPathMessageHasItsBytes(ReturnPathMessage message, String digits) {
        byte[] golden = Recording.hex(digits);
        ByteBuffer out = ByteBuffer.allocate(golden.length);
        message.encode(out);
        assertThat(hex(out.array())).isEqualTo(hex(golden));
        assertThat(message.byteLength()).isEqualTo(golden.length);
        for (int chunkBytes : new int[] {1, golden.length}) {
            assertThat(read(golden, chunkBytes)).containsExactly(message);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0008 0000 | found 8",
                "0000 0000 | found 0",
                "0001 0201 | at most 512, found 513",
                "0001 0003 000000 | expected 4, found 3",
                "0001 0004 00000000 00 | follow SHUT",
                "0004 000c 0000000000000000 00001000 | none has been named yet",
                "0004 000b 0000000000000000 000010 | REQ_PAGES message: expected 12, found 11",
                "0003 000c 0000000000000000 00001000 | REQ_PAGES_ID message: expected at least 13, found 12",
                "0003 000f 0000000000000000 00001000 01 61 61 | REQ_PAGES_ID message: expected 14, found 15",
                "0003 000d 0000000000000000 00001000 00 | name is empty",
                "0003 000e 0000000000000000 00001000 01 61 | Unknown RAM block 'a'",
                "0003 0013 0000000001000000 00001000 06 70632e72616d | whole pages of 4096 inside 0x1000000 bytes, "
                        + "found 0x1000 bytes from 0x1000000",
                "0003 0013 ffffffffffffff00 00001000 06 70632e72616d | from 0xffffffffffffff00",
                "0003 0013 7ffffffffffff000 fffff000 06 70632e72616d | whole pages",
                "0003 0013 0000000000000800 00001000 06 70632e72616d | whole pages",
                "0003 0013 0000000000000000 00000800 06 70632e72616d | whole pages",
                "0003 0013 0000000000000000 00000000 06 70632e72616d | found 0x0 bytes",
                "0003 0011 0000000000001000 00001000 04 68756765 | whole pages of 2097152",
                "0003 0011 0000000000200000 00200000 04 68756765 0004 000c 0000000000200000 00001000 | whole pages of "
                        + "2097152",
                "0005 0002 01 61 | Unknown RAM block 'a'",
                "0005 0003 01 61 61 | Bytes after the block name: expected 0, found 1",
                "0005 0007 06 70632e72616d 7fffffffffffffff | Bitmap size of block 'pc.ram': expected 512, found "
                        + "9223372036854775807",
                "0005 0007 06 70632e72616d 00000000000001f8 | Bitmap size of block 'pc.ram': expected 512, found 504",
                "0005 0005 04 68756765 0000000000000080 7e | Bitmap size of block 'huge': expected 256, found 128"
            })
    void returnPathRefusesWhatItDoesNotKnow(String digits, String message) {
        byte[] stream = Recording.hex(digits);
        for (int chunkBytes : new int[] {1, stream.length}) {
            assertThatThrownBy(() -> read(stream, chunkBytes))
                    .isInstanceOf(StreamFormatException.class)
                    .hasMessageContaining(message);
        }
    }

    @Test
    void returnPathWithoutBlocksKnowsNone() {
        var messages = new ArrayList<ReturnPathMessage>();
        var reader = new ReturnPathReader(messages::add);
        reader.consume(ByteBuffer.wrap(Recording.hex("0004 000c 0000000000240000 00001000")));
        assertThat(messages).containsExactly(new ReturnPathMessage.RequestPages(0x240000, 0x1000));
        ByteBuffer bitmap = ByteBuffer.wrap(Recording.hex("0005 0007" + PC_RAM));
        assertThatThrownBy(() -> reader.consume(bitmap)).hasMessageContaining("Unknown RAM block 'pc.ram'");
        assertThatThrownBy(() -> new ReturnPathReader(_ -> {}).endOfInput()).hasMessageContaining("without SHUT");
    }

    @Test
    void wrongEndOfABitmapNamesTheBlock() {
        byte[] stream = Recording.hex(
                "0005 0015 14" + ascii("/rom@etc/acpi/tables") + "0000000000000008 ffffffff00000000 0123456789abcdee");
        assertThatThrownBy(() -> read(stream, 1))
                .hasMessageContaining("End of the bitmap of block '/rom@etc/acpi/tables': expected 0x123456789abcdef");
    }

    @Test
    void requestsNameTheirBlockWhenItChanges() {
        var writer = new PageRequestWriter(ReturnPathRecording.BLOCKS);
        ByteBuffer out = ByteBuffer.allocate(400);
        assertThat(writer.request(out, 0, 0x1a0000, 0x1000)).isEqualTo(23);
        assertThat(writer.request(out, 0, 0x240000, 0x1000)).isEqualTo(16);
        assertThat(writer.request(out, 2, 0x200000, 0x200000)).isEqualTo(21);
        assertThat(writer.request(out, 0, 0, 0x1000)).isEqualTo(23);
        writer.forgetBlock();
        assertThat(writer.request(out, 0, 0, 0x1000)).isEqualTo(23);
        byte[] written = Arrays.copyOf(out.array(), out.position());
        String again = "0003 0013 0000000000000000 00001000" + PC_RAM;
        String golden = "0003 0013 00000000001a0000 00001000" + PC_RAM + "0004 000c 0000000000240000 00001000"
                + "0003 0011 0000000000200000 00200000 04" + ascii("huge") + again + again;
        assertThat(hex(written)).isEqualTo(hex(Recording.hex(golden)));
        for (int chunkBytes : new int[] {1, written.length}) {
            assertThat(read(written, chunkBytes))
                    .containsExactly(
                            new ReturnPathMessage.RequestPagesOf("pc.ram", 0x1a0000, 0x1000),
                            new ReturnPathMessage.RequestPagesOf("pc.ram", 0x240000, 0x1000),
                            new ReturnPathMessage.RequestPagesOf("huge", 0x200000, 0x200000),
                            new ReturnPathMessage.RequestPagesOf("pc.ram", 0, 0x1000),
                            new ReturnPathMessage.RequestPagesOf("pc.ram", 0, 0x1000));
        }
    }

    private static List<ReturnPathMessage> read(byte[] stream, int chunkBytes) {
        var recording = new ReturnPathRecording();
        var reader = new ReturnPathReader(recording, ReturnPathRecording.BLOCKS);
        ByteBuffer buffer = ByteBuffer.allocate(ReturnPathReader.MIN_BUFFER_BYTES);
        int at = 0;
        while (at < stream.length) {
            int taken = Math.min(Math.min(chunkBytes, buffer.remaining()), stream.length - at);
            buffer.put(stream, at, taken).flip();
            reader.consume(buffer);
            buffer.compact();
            at += taken;
        }
        assertThat(reader.position()).isEqualTo(stream.length);
        return recording.messages;
    }

    @Test
    void configurationHasItsBytes() {
        var configuration = new Configuration(
                "pc-q35-10.0",
                OptionalInt.empty(),
                List.of("x-ignore-shared"),
                java.util.Optional.of(UUID.fromString("11111111-2222-3333-4444-555555555555")));
        ByteBuffer out = ByteBuffer.allocate(StreamWriter.MAX_RECORD_BYTES);
        StreamWriter.header(out);
        StreamWriter.configuration(out, configuration);
        String golden = "5145564d 00000003 07 0000000b" + ascii("pc-q35-10.0")
                + "05 1a" + ascii("configuration/capabilities") + "00000001 00000001 0f" + ascii("x-ignore-shared")
                + "05 12" + ascii("configuration/uuid") + "00000001 11111111222233334444555555555555";
        byte[] written = Arrays.copyOf(out.array(), out.position());
        assertThat(hex(written)).isEqualTo(hex(Recording.hex(golden)));
        byte[] followed = Arrays.copyOf(written, written.length + 1);
        followed[written.length] = Wire.COMMAND;
        var recording = new Recording();
        Recording.feed(new StreamReader(recording, StreamLimits.DEFAULT), followed, 1);
        assertThat(recording.events).containsExactly(configuration);
    }

    @Test
    void ramSetupHasItsBytes() {
        List<RamBlockEntry> blocks =
                List.of(RamBlockEntry.of("pc.ram", 0x1000000), RamBlockEntry.of("/rom@etc/acpi/tables", 0x20000));
        ByteBuffer out = ByteBuffer.allocate(StreamWriter.ramBlockListBytes(blocks));
        int length = StreamWriter.ramSetup(out, 1, blocks);
        String golden = "01 00000001 03 72616d 00000000 00000004 0000000001020004" + PC_RAM + "0000000001000000 14"
                + ascii("/rom@etc/acpi/tables") + "0000000000020000 0000000000000010 7e 00000001";
        assertThat(hex(Arrays.copyOf(out.array(), length))).isEqualTo(hex(Recording.hex(golden)));
    }

    @Test
    void blockListFieldsFollowCapabilities() {
        String head = "5145564d 00000003 07 00000004 6e6f6e65";
        String ram = "01 00000001 03 72616d 00000000 00000004";
        String postcopy = head + "08 0003 0010 0000000000201000 0000000000001000" + ram + "0000000000201004 01 61"
                + "0000000000001000 01 62 0000000000200000 0000000000200000 0000000000000010";
        assertThat(blocks(postcopy))
                .containsExactly(
                        RamBlockEntry.of("a", 0x1000),
                        new RamBlockEntry("b", 0x200000, OptionalLong.of(0x200000), OptionalLong.empty()));
        String shared =
                head + "05 1a" + ascii("configuration/capabilities") + "00000001 00000001 0f" + ascii("x-ignore-shared")
                        + ram + "0000000000001004 01 61 0000000000001000 00000000000c0000 0000000000000010";
        assertThat(blocks(shared))
                .containsExactly(new RamBlockEntry("a", 0x1000, OptionalLong.empty(), OptionalLong.of(0xc0000)));
    }

    @SuppressWarnings("unchecked")
    private static List<RamBlockEntry> blocks(String digits) {
        var recording = new Recording();
        Recording.feed(new StreamReader(recording, StreamLimits.DEFAULT), Recording.hex(digits), 1);
        return (List<RamBlockEntry>) recording.events.getLast();
    }

    @Test
    void pageRecordsHaveTheirBytes() {
        var writer = new PageRecordWriter(SampleStream.BLOCKS);
        ByteBuffer out = ByteBuffer.allocate(200);
        assertThat(writer.zeroPage(out, 0, 0)).isEqualTo(16);
        assertThat(writer.zeroPage(out, 0, 0x1000)).isEqualTo(9);
        assertThat(writer.pageHeader(out, 0, 0x100000)).isEqualTo(8);
        assertThat(writer.pageHeader(out, 1, 0)).isEqualTo(27);
        writer.forgetBlock();
        assertThat(writer.pageHeader(out, 1, 0)).isEqualTo(27);
        String name = "12" + ascii("/rom@etc/acpi/rsdp");
        String golden = "0000000000000002" + PC_RAM + "00 0000000000001022 00 0000000000100028 0000000000000008" + name
                + "0000000000000008" + name;
        assertThat(hex(Arrays.copyOf(out.array(), out.position()))).isEqualTo(hex(Recording.hex(golden)));
    }

    @Test
    void stateComesBackFieldByField() {
        DeviceSection section = SampleStream.cpu(1);
        var reader = VmStateReader.of(section);
        assertThat(reader.u8("mode")).isEqualTo(0xff);
        assertThat(reader.u16("short")).isEqualTo(0xfffe);
        assertThat(reader.u32("flags")).isEqualTo(-3);
        assertThat(reader.u64("rip")).isEqualTo(0x1122334455667788L);
        assertThat(reader.u64Array("registers")).containsExactly(1, 2, 3);
        assertThat(reader.buffer("xsave")).containsExactly(1, 2, 3, 4, 5);
        VmStateReader segment = reader.struct("segment");
        assertThat(segment.u64("base")).isEqualTo(7);
        assertThat(segment.subsection("kvm-cpu/extra").orElseThrow().u32("extra"))
                .isEqualTo(9);
        assertThat(reader.structArray("msrs"))
                .extracting(msr -> msr.u32("number") * 1000L + msr.u64("value"))
                .containsExactly(1100L, 2200L);
        assertThat(reader.subsection("none")).isEmpty();
        assertThat(reader.subsection("kvm-cpu/extra")).isPresent();
        reader.end();
        assertThatThrownBy(() -> reader.u8("more")).hasMessageContaining("ends before the field 'more'");
        assertThatThrownBy(() -> VmStateReader.of(section).u8("other"))
                .hasMessageContaining("expected uint8 'other', found uint8 'mode'");
    }

    @Test
    void postcopyStreamEndsWithoutVmDescription() {
        String head = "5145564d 00000003 07 00000004 6e6f6e65";
        String setup =
                "01 00000001 03 72616d 00000000 00000004 0000000000001004 01 61 0000000000001000 0000000000000010 7e "
                        + "00000001";
        String packaged = "08 0007 0004 00000005 0800040000";
        String advise = "08 0003 0010 0000000000001000 0000000000001000";
        String end = "02 00000001 0000000000000002 01 61 00 0000000000000010 7e 00000001"
                + "03 00000001 0000000000000010 7e 00000001 00";
        Recording seen = Recording.of(Recording.hex(head + advise + setup + packaged + end), 1);
        assertThat(seen.events)
                .contains(new Command.Packaged(Bytes.copyOf(new byte[] {8, 0, 4, 0, 0})), new Recording.ZeroPage(0, 0))
                .endsWith("end");
        assertThat(seen.devices).isEmpty();
    }

    @Test
    void sampleStreamComesBack() {
        byte[] stream = SampleStream.complete();
        Recording seen = Recording.of(stream, 1000);
        assertThat(seen.devices).isEqualTo(SampleStream.devices());
        assertThat(VmDescription.parse(seen.vmDescription).toJson()).isEqualTo(seen.vmDescription);
        assertThat(seen.events)
                .contains(
                        SampleStream.CONFIGURATION,
                        new Command.Ping(1),
                        new Recording.Page(0, 15 * 4096, Bytes.copyOf(SampleStream.content(2))),
                        new Recording.ZeroPage(1, 0))
                .endsWith("end");
    }

    private static String ascii(String text) {
        return hex(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
