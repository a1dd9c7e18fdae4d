// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bytes that are not a stream end in one kind of exception, which says what and where. */
final class HostileStreamTest {
    private static final StreamLimits SMALL = new StreamLimits(4, 1 << 20, 1 << 20, 255, 64 << 10, 32 << 10, 64 << 10);

    private static final String CONFIGURED = "5145564d 00000003 07 00000004 6e6f6e65";
    private static final String RAM_HEADER = CONFIGURED + "01 00000001 03 72616d 00000000 00000004";
    private static final String ONE_BLOCK =
            RAM_HEADER + "0000000000002004 01 61 0000000000002000 0000000000000010 7e 00000001";
    private static final String PART = ONE_BLOCK + "02 00000001";

    @ParameterizedTest
    @ValueSource(strings = {"qemu-10.0-none.bin", "qemu-10.0-none-uuid.bin", "sample"})
    void everyTruncationIsIncomplete(String name) {
        byte[] whole = name.equals("sample") ? SampleStream.complete() : Recording.resource(name);
        for (int length = 0; length < whole.length; length++) {
            byte[] truncated = Arrays.copyOf(whole, length);
            Throwable thrown = catchThrowable(() -> Recording.of(truncated, 1 << 20));
            assertThat(thrown).as("truncated to %s bytes", length).isInstanceOf(StreamFormatException.class);
            assertThat(((StreamFormatException) thrown).isIncomplete())
                    .as("truncated to %s bytes: %s", length, thrown)
                    .isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void mutationsEndInFormatExceptionsOnly(long seed) {
        System.out.println("mutation seed " + seed);
        var random = new Random(seed);
        byte[][] streams = {
            Recording.resource("qemu-10.0-none.bin"),
            Recording.resource("qemu-10.0-none-uuid.bin"),
            SampleStream.complete()
        };
        for (int i = 0; i < 3000; i++) {
            byte[] mutated = mutate(streams[random.nextInt(streams.length)], random);
            var reader = new StreamReader(new Recording(), SMALL);
            Throwable thrown = catchThrowable(() ->
                    Recording.feed(reader, mutated, 1 + random.nextInt(5000)).endOfInput());
            if (thrown != null) {
                assertThat(thrown).as("seed %s, round %s", seed, i).isInstanceOf(StreamFormatException.class);
            }
        }
    }

    static byte[] mutate(byte[] stream, Random random) {
        byte[] mutated = stream.clone();
        int changes = 1 + random.nextInt(3);
        for (int i = 0; i < changes; i++) {
            int at = random.nextInt(mutated.length);
            switch (random.nextInt(5)) {
                case 0 -> mutated[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> mutated[at] = (byte) 0xff;
                case 2 -> mutated[at] = (byte) random.nextInt(9);
                case 3 -> mutated = removed(mutated, at, random);
                default -> mutated = repeated(mutated, at, random);
            }
        }
        return mutated;
    }

    private static byte[] removed(byte[] from, int at, Random random) {
        int length = Math.min(1 + random.nextInt(16), from.length - at);
        byte[] shorter = Arrays.copyOf(from, Math.max(1, from.length - length));
        if (from.length - length > at) {
            System.arraycopy(from, at + length, shorter, at, from.length - length - at);
        }
        return shorter;
    }

    private static byte[] repeated(byte[] from, int at, Random random) {
        int length = Math.min(1 + random.nextInt(64), from.length - at);
        byte[] longer = Arrays.copyOf(from, from.length + length);
        System.arraycopy(from, at, longer, at + length, from.length - at);
        return longer;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "5145564e 00000003 | Not a migration stream",
                "5145564d 00000002 | obsolete",
                "5145564d 00000004 | Stream version: expected 3, found 4",
                "5145564d 00000003 01 | No configuration section",
                "5145564d 00000003 07 ffffffff | Length of the machine's name: expected at most 255, found 4294967295",
                "5145564d 00000003 07 00000000 | name is empty",
                "5145564d 00000003 07 00000001 41 05 01 61 00000001 00000000 | Unknown subsection 'a'"
            })
    void badHeaderIsNamed(String digits, String message) {
        refused(digits, message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "09 | Unknown section type: expected 0 to 4 or 8, found 0x9",
                "07 | second configuration",
                "08 000b 0000 05 | subsection outside",
                "06 | vmdesc before the end",
                "00 | before the END of section 'ram', which has not even started",
                "04 | A device section comes before",
                "02 00000001 | no section has started",
                "03 00000001 | no section has started",
                "08 000c 0000 | Unknown command: expected an id of 1 to 11, found 12",
                "08 0000 0000 | Unknown command",
                "08 0002 0003 000000 | Length of the PING command: expected 4, found 3",
                "08 0001 0001 00 | has no data: expected 0, found 1",
                "08 0006 ffff | Length of command 6",
                "08 0003 0010 0000000000001000 0000000000001000 08 0007 0004 ffffffff | Blob of the PACKAGED command: "
                        + "expected at most 65536, found 4294967295",
                "08 0007 0004 00000000 | PACKAGED comes out of order",
                "08 0003 0010 0000000000001000 0000000000002000 | Target page size of POSTCOPY_ADVISE: expected 4096",
                "08 0003 0010 0000000000000800 0000000000001000 | Page sizes of POSTCOPY_ADVISE",
                "08 0003 0010 0000000000001000 0000000000001000 08 0003 0000 | POSTCOPY_ADVISE comes out of order",
                "08 0004 0000 | POSTCOPY_LISTEN outside of the blob",
                "08 0005 0000 | POSTCOPY_RUN outside of the blob",
                "08 0006 0014 00 01 61 00 0000000000001000 0000000000001000 | POSTCOPY_RAM_DISCARD comes out of order",
                "08 0009 0000 | POSTCOPY_RESUME comes out of order",
                "08 000a 0002 01 61 | RECV_BITMAP comes out of order",
                "08 0003 0001 00 | POSTCOPY_ADVISE command: expected 16, found 1",
                "01 00000001 0c 64697274792d6269746d6170 00000000 00000001 | dirty-bitmaps",
                "01 00000001 01 61 00000000 00000001 | Section 'a' is not supported",
                "01 00000001 03 72616d 00000001 00000004 | Instance of section 'ram': expected 0, found 1",
                "01 00000001 03 72616d 00000000 00000005 | Version of section 'ram': expected 4, found 5"
            })
    void badRecordBetweenSectionsIsNamed(String digits, String message) {
        refused(CONFIGURED + digits, message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0000000000000010 | does not start with the block list",
                "7ffffffffffff004 | Total length of all RAM blocks",
                "8000000000000004 | Total length of all RAM blocks",
                "0000000000002004 01 61 0000000000003000 0000000000000000 | do not add up to the total: block 'a'",
                "0000000000002004 01 61 0000000000000000 0000000000000000 | positive multiple of 4096, found 0",
                "0000000000002004 01 61 0000000000000800 0000000000000000 | positive multiple of 4096, found 2048",
                "0000000000002004 01 61 8000000000001000 0000000000000000 | Length of RAM block 'a'",
                "0000000000002004 01 61 0000000000001000 01 61 0000000000001000 0000000000000010 | is in the block "
                        + "list twice",
                "0000000000006004 01 61 0000000000001000 01 62 0000000000001000 01 63 0000000000001000 01 64 "
                        + "0000000000001000 01 65 0000000000001000 00"
                        + " | Count of RAM blocks: expected at most 4, found 5",
                "0000000000001004 00 0000000000001000 00 | name is empty",
                "0000000000000004 0000000000000200 | uses multifd",
                "0000000000000004 0000000000000008 | After the block list",
                "0000000000000004 0000000000000010 7e 00000002 | footer of 'ram': expected 1, found 2",
                "0000000000000004 0000000000000010 7f 00000001 | Missing footer of section 'ram': expected 0x7e, "
                        + "found 0x7f",
                "0000000000000004 0000000000000010 7e 00000001 01 00000001 03 72616d 00000000 00000004 | starts a "
                        + "second time",
                "0000000000000004 0000000000000010 7e 00000001 02 00000002 | Unknown section id in a PART: expected 1 "
                        + "(ram), found 2"
            })
    void badBlockListIsNamed(String digits, String message) {
        refused(RAM_HEADER + digits, message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0000000000000022 00 | none has been named yet",
                "0000000000002002 01 61 00 | Page offset outside RAM block 'a': expected at most 0x1000, found 0x2000",
                "8000000000000002 01 61 00 | Page offset outside RAM block 'a'",
                "0000000000000002 01 62 00 | Unknown RAM block 'b'",
                "0000000000000002 00 | name is empty",
                "0000000000000002 01 61 01 | Fill byte of a zero page: expected 0, found 1",
                "0000000000000040 01 61 | turn the capability xbzrle off",
                "0000000000000060 | turn the capability xbzrle off",
                "0000000000000200 | turn the capability multifd off",
                "0000000000000100 | turn the capability compress off",
                "0000000000000080 | RDMA is not supported",
                "0000000000000001 | obsolete since 2009",
                "0000000000000004 | block list outside the START",
                "0000000000000030 | End of section: expected 0x10, found 0x30",
                "0000000000001010 | End of section: expected 0x10, found 0x1010",
                "000000000000000a | Unknown combination of RAM flags",
                "0000000000000400 | Unknown combination of RAM flags",
                "0000000000000000 | Unknown combination of RAM flags"
            })
    void badPageRecordIsNamed(String digits, String message) {
        refused(PART + digits, message);
    }

    @ParameterizedTest
    @ValueSource(longs = {5, 6})
    void mutatedDescriptionsEndInFormatExceptionsOnly(long seed) {
        System.out.println("mutation seed " + seed);
        var random = new Random(seed);
        DeviceSection section = SampleStream.cpu(0);
        var whole = new VmDescription(
                SampleStream.CONFIGURATION.description(),
                4096,
                List.of(new VmDescription.Device("cpu", 0, section.description())));
        byte[] json = whole.toJson().getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < 5000; i++) {
            byte[] mutated = json.clone();
            for (int k = random.nextInt(3); k >= 0; k--) {
                int at = random.nextInt(mutated.length);
                boolean digit = Character.isDigit(mutated[at]);
                mutated[at] = (byte) (digit ? '0' + random.nextInt(10) : 32 + random.nextInt(95));
            }
            String text = new String(mutated, StandardCharsets.US_ASCII);
            Throwable thrown = catchThrowable(() -> loadCpu(section, text));
            if (thrown != null) {
                assertThat(thrown).as("seed %s, round %s: %s", seed, i, text).isInstanceOf(StreamFormatException.class);
            }
        }
    }

    private static void loadCpu(DeviceSection section, String json) {
        VmStateDescription description =
                VmDescription.parse(json).devices().getFirst().state();
        var reader = VmStateReader.of(new DeviceSection("cpu", 0, 3, section.payload(), description));
        reader.u8("mode");
        reader.u16("short");
        reader.u32("flags");
        reader.u64("rip");
        reader.u64Array("registers");
        reader.buffer("xsave");
        reader.struct("segment").u64("base");
        for (VmStateReader msr : reader.structArray("msrs")) {
            msr.u32("number");
            msr.u64("value");
            msr.end();
        }
        reader.end();
    }

    @Test
    void fieldLengthsThatAddUpBeyondLongAreRefused() {
        String huge = "{\"name\": \"a\", \"array_len\": 2147483647, \"type\": \"uint64\", \"size\": 2147483647}, ";
        String json =
                "{\"configuration\": {\"vmsd_name\": \"c\", \"version\": 1, \"fields\": []}, \"page_size\": 4096, "
                        + "\"devices\": "
                        + "[{\"name\": \"cpu\", \"instance_id\": 0, \"vmsd_name\": \"x\", \"version\": 1, \"fields\": ["
                        + huge.repeat(4) + huge.replace("}, ", "}") + "]}]}";
        assertThatThrownBy(() -> loadCpu(SampleStream.cpu(0), json))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining("Bytes of the fields of 'x'");
    }

    @Test
    void vmdescInsideADeviceDoesNotEndTheStream() {
        byte[] inner = Recording.resource("qemu-10.0-none.bin");
        byte[] tail = Arrays.copyOfRange(inner, inner.length - 829, inner.length);
        var guest = new VmStateBuilder("nic", 1).buffer("fifo", tail).build("nic", 0);
        byte[] stream = SampleStream.withDevices(List.of(guest, SampleStream.cpu(0)));
        assertThat(Recording.of(stream, stream.length).devices).containsExactly(guest, SampleStream.cpu(0));
        assertThat(Recording.of(stream, 1).devices).containsExactly(guest, SampleStream.cpu(0));
    }

    @ParameterizedTest
    @ValueSource(longs = {7, 8})
    void mutatedReturnPathEndsInFormatExceptionsOnly(long seed) {
        System.out.println("mutation seed " + seed);
        var random = new Random(seed);
        byte[] messages =
                Recording.hex("0007 0000 0002 0004 00000001 0003 0013 00000000001a0000 00001000 06 70632e72616d"
                        + "0004 000c 0000000000240000 00001000 0005 0002 01 61 0000000000000008 ffffffff00000000"
                        + "0123456789abcdef 0006 0004 00000001 0001 0004 00000000");
        for (int i = 0; i < 5000; i++) {
            byte[] mutated = mutate(messages, random);
            var reader = new ReturnPathReader(new ReturnPathRecording(), ReturnPathRecording.BLOCKS);
            Throwable thrown = catchThrowable(() -> {
                reader.consume(ByteBuffer.wrap(mutated));
                reader.endOfInput();
            });
            if (thrown != null) {
                assertThat(thrown).as("seed %s, round %s", seed, i).isInstanceOf(StreamFormatException.class);
            }
        }
    }

    @Test
    void inspectionOfATruncatedStreamSaysSoAndKeepsWhatItSaw() throws IOException {
        byte[] truncated = Arrays.copyOf(SampleStream.complete(), 9000);
        StreamInspection found = Inspector.inspect(new ByteArrayInputStream(truncated));
        assertThat(found.complete()).isFalse();
        assertThat(found.configuration()).contains(SampleStream.CONFIGURATION);
        assertThat(found.remark()).contains("the stream ended");
        StreamInspection nothing = Inspector.inspect(new ByteArrayInputStream(new byte[0]));
        assertThat(nothing.complete()).isFalse();
    }

    @Test
    void longestRecordFitsTheSmallestBuffer() {
        String name = "n".repeat(255);
        var blocks = List.of(RamBlockEntry.of(name, 4096));
        ByteBuffer out = ByteBuffer.allocate(8192);
        StreamWriter.header(out);
        StreamWriter.configuration(out, Configuration.of(name));
        StreamWriter.ramSetup(out, 1, blocks);
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.PART, 1));
        new PageRecordWriter(blocks).pageHeader(out, 0, 0);
        out.put(SampleStream.content(3));
        var recording = new Recording();
        Recording.feed(new StreamReader(recording, SMALL), Arrays.copyOf(out.array(), out.position()), 1 << 20);
        assertThat(recording.events.getLast())
                .isEqualTo(new Recording.Page(0, 0, Bytes.copyOf(SampleStream.content(3))));
    }

    @Test
    void errorsCarryPositionAndSection() {
        byte[] stream = Recording.hex(PART + "0000000000001022 00");
        var thrown = (StreamFormatException) catchThrowable(() -> Recording.of(stream, 1));
        assertThat(thrown.position()).isEqualTo(stream.length - 9);
        assertThat(thrown.section()).isEqualTo("section 'ram'");
        assertThat(thrown.isIncomplete()).isFalse();
        assertThat(thrown).hasMessageStartingWith("Stream byte " + (stream.length - 9) + " in section 'ram': ");
    }

    @Test
    void bytesAfterTheEndAreRefused() {
        byte[] whole = SampleStream.complete();
        byte[] longer = Arrays.copyOf(whole, whole.length + 3);
        for (int chunkBytes : new int[] {1, 100, 1 << 20}) {
            assertThatThrownBy(() -> Recording.of(longer, chunkBytes))
                    .isInstanceOf(StreamFormatException.class)
                    .hasMessageContaining("bytes follow the end of the stream");
        }
    }

    @Test
    void wrongFooterOfADeviceIsNamed() {
        byte[] stream = Recording.resource("qemu-10.0-none.bin");
        stream[0x102] ^= 1;
        assertThatThrownBy(() -> Recording.of(stream, 64))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining("section 'globalstate'")
                .hasMessageContaining("footer: expected 3, found ");
    }

    @Test
    void tailBeyondTheLimitIsRefused() {
        var limits = new StreamLimits(4, 1 << 20, 1 << 20, 255, 200, 1000, 1000);
        var reader = new StreamReader(new Recording(), limits);
        assertThatThrownBy(() -> Recording.feed(reader, SampleStream.complete(), 64))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining("device sections and vmdesc: expected at most 200");
    }

    @Test
    void failedReaderTakesNoMore() {
        var reader = new StreamReader(new Recording(), SMALL);
        byte[] bad = new byte[8];
        assertThatThrownBy(() -> Recording.feed(reader, bad, 8)).isInstanceOf(StreamFormatException.class);
        assertThatThrownBy(() -> Recording.feed(reader, bad, 8)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void deeplyNestedDescriptionIsRefused() {
        assertThatThrownBy(() -> VmDescription.parse("[".repeat(100_000)))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining("64 levels");
    }

    private static void refused(String digits, String message) {
        byte[] stream = Recording.hex(digits);
        for (int chunkBytes : new int[] {stream.length, 1}) {
            assertThatThrownBy(() -> Recording.feed(new StreamReader(new Recording(), SMALL), stream, chunkBytes))
                    .isInstanceOf(StreamFormatException.class)
                    .hasMessageContaining(message)
                    .matches(e -> !((StreamFormatException) e).isIncomplete());
        }
    }
}
