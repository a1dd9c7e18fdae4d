// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.GlobalState;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamWriter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import java.util.zip.InflaterInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** {@code godwit inspect} of a stream that is wrapped into something, or lies within it. */
@Isolated("standard input is replaced")
class InspectCommandTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @TempDir
    private Path directory = Path.of("");

    private int inspect(String... words) {
        CommandLine line = GodwitCommand.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        String[] all = new String[words.length + 1];
        all[0] = "inspect";
        System.arraycopy(words, 0, all, 1, words.length);
        return line.execute(all);
    }

    private String file(String name, byte[]... parts) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return Files.write(directory.resolve(name), all.toByteArray()).toString();
    }

    /** A whole stream of a machine without memory. */
    private static byte[] stream() {
        return stream(List.of());
    }

    private static byte[] stream(List<DeviceSection> devices) {
        Configuration configuration = Configuration.of("none");
        ByteBuffer bytes = ByteBuffer.allocate(4096);
        StreamWriter.header(bytes);
        StreamWriter.configuration(bytes, configuration);
        StreamWriter.ramSetup(bytes, 1, List.of());
        StreamWriter.sectionHeader(bytes, SectionHeader.ram(SectionKind.END, 1));
        StreamWriter.endOfRamSection(bytes, 1);
        bytes.put(StreamWriter.tail(configuration, 0, devices));
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /**
     * WIRE: the first bytes of QEMU 10.0's streams of machines {@code pseries} and {@code s390-ccw-virtio}, with a
     * section of a device that sends its state in parts before any page.
     */
    @ParameterizedTest
    @CsvSource({
        "5145564d00000003070000000c707365726965732d31302e3001000000010372616d0000000000000004000000001000000"
                + "40d7070635f73706170722e72616d000000001000000000000000000000107e0000000101000002320a737061707"
                + "22f687461620000000000000001000000157e00000232, pseries-10.0, ppc_spapr.ram, spapr/htab, 85",
        "5145564d000000030700000014733339302d6363772d76697274696f2d31302e3001000000010372616d000000000000000"
                + "4000000000400000408733339302e72616d000000000400000000000000000000107e000000010100000006177"
                + "33339302d73746f726167655f617474726962757465730000000000000000"
                + ", s390-ccw-virtio-10.0, s390.ram,s390-storage_attributes, 88"
    })
    void whatComesBeforeADeviceThatIsNotReadIsListedAndItIsNamed(
            String hex, String machine, String block, String device, int at) throws IOException {
        assertThat(inspect(file("stream", HexFormat.of().parseHex(hex)))).isEqualTo(1);
        assertThat(out.toString()).contains(machine, block);
        assertThat(err.toString()).contains("Stream byte " + at + ": Section '" + device + "' is not supported");
    }

    @Test
    void bytesBehindTheEndAreCounted() throws IOException {
        assertThat(inspect("--json", file("disk", stream(), new byte[1 << 20])))
                .as(err::toString)
                .isZero();
        JsonNode json = Json.parse(out.toString());
        assertThat(json.path("complete").asBoolean(false)).isTrue();
        assertThat(json.path("trailingBytes").asLong()).isEqualTo(1 << 20);
        assertThat(json.path("byteLength").asLong()).isEqualTo(stream().length);
    }

    @Test
    void aCompressedStreamIsReadFromAFileAndFromStandardInput() throws IOException {
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(zipped)) {
            gzip.write(stream());
        }
        assertThat(inspect(file("a stream.gz", zipped.toByteArray())))
                .as(err::toString)
                .isZero();
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(zipped.toByteArray()));
        try {
            assertThat(inspect("-")).as(err::toString).isZero();
        } finally {
            System.setIn(before);
        }
        assertThat(out.toString()).containsSubsequence("machine   none", "read to its last byte", "machine   none");
    }

    @Test
    void fieldsAreShownByNameWithTheirValues() throws IOException {
        String file = file("stream", stream(List.of(new GlobalState("running", false).toSection())));
        assertThat(inspect("--fields", file)).as(err::toString).isZero();
        assertThat(out.toString())
                .containsPattern("globalstate, 104 bytes\n  field +type +value")
                .containsPattern("  size +uint32 +8")
                .containsPattern("  runstate +buffer +72 75 6e 6e 69 6e 67 00");
        assertThat(inspect("--device=nothing", file)).isEqualTo(1);
        assertThat(err.toString()).contains("There is no device section 'nothing' here.");
    }

    @Test
    void memoryIsDrawnInCharactersAndAsAPicture() throws IOException {
        Configuration configuration = Configuration.of("none");
        List<RamBlockEntry> blocks = List.of(RamBlockEntry.of("ram", 512L * 4096));
        ByteBuffer bytes = ByteBuffer.allocate(4 << 20);
        StreamWriter.header(bytes);
        StreamWriter.configuration(bytes, configuration);
        StreamWriter.ramSetup(bytes, 1, blocks);
        StreamWriter.sectionHeader(bytes, SectionHeader.ram(SectionKind.END, 1));
        PageRecordWriter pages = new PageRecordWriter(blocks);
        for (int page = 0; page < 256; page++) {
            if (page < 64) {
                int _ = pages.pageHeader(bytes, 0, page * 4096L);
                bytes.put(new byte[4095]).put((byte) 1);
            } else {
                pages.zeroPage(bytes, 0, page * 4096L);
            }
        }
        StreamWriter.endOfRamSection(bytes, 1);
        bytes.put(StreamWriter.tail(configuration, 0, List.of()));
        String file = file("memory", Arrays.copyOf(bytes.array(), bytes.position()));
        Path picture = directory.resolve("memory.png");
        assertThat(inspect("--map", "--picture", picture.toString(), file))
                .as(err::toString)
                .isZero();
        String row = "  |" + "#".repeat(64) + "|";
        String zeros = "  |" + ".".repeat(64) + "|";
        String absent = "  |" + " ".repeat(64) + "|";
        assertThat(out.toString().lines())
                .containsSequence("ram, a character for 4 KiB", row, zeros, zeros, zeros, absent, absent);
        byte[] row0 = firstRow(Files.readAllBytes(picture));
        assertThat(row0[0]).as("with content").isEqualTo((byte) 3);
        assertThat(row0[64]).as("zero").isEqualTo((byte) 1);
        assertThat(row0[256]).as("did not come").isZero();
    }

    /** The numbers of the colours of a PNG's first row. */
    private static byte[] firstRow(byte[] png) throws IOException {
        int data = new String(png, StandardCharsets.ISO_8859_1).indexOf("IDAT") + 4;
        try (InputStream rows = new InflaterInputStream(new ByteArrayInputStream(png, data, png.length - data))) {
            assertThat(rows.read()).as("filter").isZero();
            return rows.readNBytes(512);
        }
    }

    @Test
    void aPlaceInAFileIsReadByItsUri() throws IOException {
        String file = file("places", new byte[4096], stream());
        assertThat(inspect(file)).isEqualTo(1);
        assertThat(err.toString())
                .contains("One begins at byte 4096. Next: godwit inspect file:" + file + ",offset=4096");
        assertThat(inspect("file:" + file + ",offset=0x1000")).as(err::toString).isZero();
        assertThat(inspect("file:" + file + ",offset=1000000")).isEqualTo(1);
        assertThat(err.toString()).contains("ends before byte 1000000");
    }

    @Test
    void aLibvirtSaveImageIsReadBehindItsXml() throws IOException {
        ByteBuffer header = ByteBuffer.allocate(92).order(ByteOrder.LITTLE_ENDIAN);
        header.put(ascii("LibvirtQemudSave")).putInt(2).putInt(10).putInt(1);
        String file = file("save", header.array(), ascii("<domain/>"), new byte[1], stream());
        assertThat(inspect(file)).as(err::toString).isZero();
        assertThat(out.toString()).contains("machine   none", "read to its last byte");
        assertThat(inspect(file("part", ascii("LibvirtQemudPart"), new byte[76])))
                .isEqualTo(1);
        assertThat(err.toString()).contains("was never finished");
    }
}
