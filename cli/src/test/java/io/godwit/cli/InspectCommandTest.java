// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import io.godwit.stream.Configuration;
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
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPOutputStream;
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
        Configuration configuration = Configuration.of("none");
        ByteBuffer bytes = ByteBuffer.allocate(4096);
        StreamWriter.header(bytes);
        StreamWriter.configuration(bytes, configuration);
        StreamWriter.ramSetup(bytes, 1, List.of());
        StreamWriter.sectionHeader(bytes, SectionHeader.ram(SectionKind.END, 1));
        StreamWriter.endOfRamSection(bytes, 1);
        bytes.put(StreamWriter.tail(configuration, 0, List.of()));
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
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

    @ParameterizedTest
    @CsvSource({
        "28b52ffd, zstd, zstdcat",
        "894c5a4f000d0a1a0a, lzop, lzop -dc",
        "fd377a585a00, xz, xzcat",
        "425a68, bzip2, bzcat"
    })
    void aCompressedStreamIsNamedWithTheNextStep(String magic, String name, String program) throws IOException {
        String file = file("stream", HexFormat.of().parseHex(magic), new byte[100]);
        assertThat(inspect(file)).isEqualTo(1);
        assertThat(err.toString())
                .contains("is compressed with " + name + ". Next: " + program + " " + file + " | godwit inspect -")
                .hasLineCount(1);
    }

    @Test
    void whatTheNextStepSaysIsWhatReadsAGzippedStream() throws IOException {
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(zipped)) {
            gzip.write(stream());
        }
        assertThat(inspect(file("a stream.gz", zipped.toByteArray()))).isEqualTo(1);
        assertThat(err.toString()).contains("Next: zcat '" + directory + "/a stream.gz' | godwit inspect -");
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(stream()));
        try {
            assertThat(inspect("-")).as(err::toString).isZero();
        } finally {
            System.setIn(before);
        }
        assertThat(out.toString()).contains("machine   none", "read to its last byte");
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
    void aLibvirtSaveImageIsNamedWithWhereItsStreamBegins() throws IOException {
        String file = file("save", ascii("LibvirtQemudSave"), new byte[76], ascii("<domain/>"), stream());
        assertThat(inspect(file)).isEqualTo(1);
        assertThat(err.toString())
                .contains("is a libvirt save image", "Next: godwit inspect file:" + file + ",offset=101");
        assertThat(inspect("file:" + file + ",offset=101")).as(err::toString).isZero();
        assertThat(inspect(file("part", ascii("LibvirtQemudPart"), new byte[76])))
                .isEqualTo(1);
        assertThat(err.toString()).contains("was never finished");
        assertThat(inspect(file("packed", ascii("LibvirtQemudSave"), new byte[500])))
                .isEqualTo(1);
        assertThat(err.toString()).contains("No stream begins in its first MiB");
    }
}
