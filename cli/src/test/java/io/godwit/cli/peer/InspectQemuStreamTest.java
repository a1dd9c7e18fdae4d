// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import static io.godwit.cli.peer.QemuProcess.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** {@code godwit inspect} on what a QEMU with a busy Linux writes, compared with what QEMU itself says about it. */
@Tag("peer")
@Timeout(300)
@ExtendWith(RunningLinux.class)
class InspectQemuStreamTest {
    private static final int MARK_BYTES = 6;

    @TempDir
    Path directory = Path.of("");

    @Test
    void everythingInTheStreamOfALinuxIsListed(QemuProcess qemu) throws Exception {
        Path stream = directory.resolve("stream");
        qemu.migrate("exec:cat > " + stream);
        qemu.awaitMigration("completed", PATIENCE);
        JsonNode ram = json(qemu.execute("query-migrate")).path("return").path("ram");

        GodwitProcess inspect = GodwitProcess.run(directory, PATIENCE, "inspect", "--json", stream.toString());

        assertThat(inspect.err()).isEmpty();
        assertThat(inspect.status()).isZero();
        JsonNode found = json(inspect.out());
        assertThat(found.path("complete").asBoolean()).isTrue();
        assertThat(found.path("byteLength").asLong()).isEqualTo(Files.size(stream));
        assertThat(found.path("passes").asLong())
                .isBetween(1L, ram.path("dirty-sync-count").asLong());
        assertThat(sum(found, "byteLength")).isEqualTo(ram.path("total").asLong());
        assertThat(sum(found, "normalPages")).isEqualTo(ram.path("normal").asLong());
        assertThat(sum(found, "zeroPages")).isEqualTo(ram.path("duplicate").asLong());
        assertThat(texts(found.path("blocks"), "name")).contains("pc.ram", "pc.bios", "pc.rom");
        for (JsonNode block : found.path("blocks")) {
            assertThat(block.path("distinctPages").asLong())
                    .as("different pages of " + block.path("name").asString())
                    .isEqualTo(block.path("byteLength").asLong() / 4096);
        }
        JsonNode described = vmDescription(Files.readAllBytes(stream)).path("devices");
        assertThat(texts(found.path("devices"), "name", "instanceId"))
                .hasSizeGreaterThan(20)
                .isEqualTo(texts(described, "name", "instance_id"));
    }

    @Test
    void aStreamThatBreaksOffIsListedAsFarAsItGoes(QemuProcess qemu) throws Exception {
        Path stream = directory.resolve("stream");
        qemu.execute("stop");
        qemu.migrate("exec:head -c 1000000 > " + stream + "; cat > /dev/null");
        qemu.awaitMigration("completed", PATIENCE);

        GodwitProcess inspect = GodwitProcess.run(directory, PATIENCE, "inspect", stream.toString());

        assertThat(inspect.status()).isEqualTo(1);
        assertThat(inspect.err()).contains("is not a whole stream", "in section 'ram': the stream ended too early");
        assertThat(inspect.out()).contains("pc-q35", "pc.ram");
    }

    @Test
    void pagesByXbzrleAreCounted(QemuProcess qemu) throws Exception {
        Path stream = directory.resolve("stream");
        qemu.capability("xbzrle", true);
        qemu.parameters("\"downtime-limit\": 1, \"max-bandwidth\": 67108864");
        qemu.migrate("exec:cat > " + stream);
        qemu.awaitPass(4, PATIENCE);
        qemu.parameters("\"downtime-limit\": 2000, \"max-bandwidth\": 0");
        qemu.awaitMigration("completed", PATIENCE);

        GodwitProcess inspect = GodwitProcess.run(directory, PATIENCE, "inspect", "--json", stream.toString());

        assertThat(inspect.status()).as(inspect.err()).isZero();
        JsonNode found = json(inspect.out());
        assertThat(found.path("complete").asBoolean(false)).isTrue();
        assertThat(sum(found, "encodedPages")).isPositive();
        assertThat(found.path("devices").size()).isGreaterThan(20);
    }

    private static JsonNode json(String text) {
        return Json.parse(text);
    }

    private static long sum(JsonNode found, String member) {
        long sum = 0;
        for (JsonNode block : found.path("blocks")) {
            sum += block.path(member).asLong();
        }
        return sum;
    }

    private static List<String> texts(JsonNode items, String... members) {
        List<String> texts = new ArrayList<>();
        for (JsonNode item : items) {
            texts.add(String.join(
                    "/",
                    Arrays.stream(members)
                            .map(member -> item.path(member).asString())
                            .toList()));
        }
        return texts;
    }

    /** QEMU's own description, found without the code under test: the stream ends with its length and text. */
    private static JsonNode vmDescription(byte[] stream) throws IOException {
        for (int mark = stream.length - MARK_BYTES; mark >= 0; mark--) {
            if (stream[mark] == 0
                    && stream[mark + 1] == 6
                    && ByteBuffer.wrap(stream).getInt(mark + 2) == stream.length - mark - MARK_BYTES) {
                return Json.parse(Arrays.copyOfRange(stream, mark + MARK_BYTES, stream.length));
            }
        }
        throw new IOException("the stream has no vmdesc");
    }
}
