// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.store.snapshots.SavedBlock;
import io.godwit.store.snapshots.SavedDevice;
import io.godwit.store.snapshots.SnapshotWriter;
import io.godwit.stream.Bytes;
import io.godwit.stream.Configuration;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The bytes of docs/store.md, one record after the other, made here by hand. */
class FormatTest {
    private static final int PAGE = SavedGuest.PAGE;

    @TempDir
    Path directory = Path.of("");

    private final byte[] content = new byte[PAGE];
    private Path root = Path.of("");

    /** A guest of three pages: one with content that does not compress, one of zeros, one that never came. */
    @BeforeEach
    void writeOneSnapshot() {
        new SplittableRandom(1).nextBytes(content);
        root = directory.resolve("store");
        Store store = Store.openOrCreate(root);
        try (SnapshotWriter writer = store.write(new SnapshotName("web/monday"))) {
            writer.blocks(List.of(new SavedBlock("r", 3L * PAGE, PAGE, OptionalLong.empty())));
            writer.page(0, 0, content, 0);
            writer.zeroPage(0, PAGE);
            var _ = writer.finish(
                    Map.of("k", "v"),
                    Configuration.of("none"),
                    List.of(new SavedDevice("d", 1, 2, Bytes.copyOf(new byte[] {9, 8}))),
                    "{}");
        }
    }

    private byte[] read(String name) throws IOException {
        return Files.readAllBytes(root.resolve(name));
    }

    private static byte[] sha(byte[] bytes) throws Exception {
        return MessageDigest.getInstance("SHA-256").digest(bytes);
    }

    private static int crc(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    private byte[] id() throws Exception {
        return Arrays.copyOf(sha(content), 24);
    }

    private static byte[] header(String magic) {
        ByteBuffer out = ByteBuffer.allocate(16).put(ascii(magic)).putInt(1);
        return out.putInt(crc(Arrays.copyOf(out.array(), 12))).array();
    }

    private static byte[] footer(String magic, long offset, byte[] directory) throws Exception {
        ByteBuffer out = ByteBuffer.allocate(64);
        out.putLong(offset)
                .putInt(directory.length)
                .putInt(1)
                .put(sha(directory))
                .put(ascii(magic))
                .putInt(0);
        return out.putInt(crc(Arrays.copyOf(out.array(), 60))).array();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    }

    private static byte[] joined(byte[]... parts) {
        ByteBuffer out = ByteBuffer.allocate(
                Arrays.stream(parts).mapToInt(part -> part.length).sum());
        for (byte[] part : parts) {
            out.put(part);
        }
        return out.array();
    }

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replace(" ", ""));
    }

    @Test
    void theFormatFileSaysWhatTheDirectoryIs() throws IOException {
        assertThat(Files.readString(root.resolve("store.format")))
                .isEqualTo("Godwit store\nversion 1\npage-bytes 4096\n");
        assertThat(read("lock")).isEmpty();
    }

    @Test
    void aPackHasFramesIdsDirectoryAndFooter() throws Exception {
        ByteBuffer directory = ByteBuffer.allocate(48 + 24);
        directory.putInt(1).putInt(1).putLong(16 + PAGE).put(sha(id()));
        directory
                .putLong(16)
                .putInt(PAGE)
                .putInt(crc(content))
                .putInt(crc(id()))
                .putInt(2 << 24);
        assertThat(read("packs/00000001.pack"))
                .isEqualTo(joined(
                        header("GODWPACK"),
                        content,
                        id(),
                        directory.array(),
                        footer("GODWPACK", 16 + PAGE + 24, directory.array())));
    }

    @Test
    void aSnapshotHasGroupsDirectoryAndFooter() throws Exception {
        // Three runs of 10 bytes would not be shorter than three values of 8.
        byte[] group = hex("0000000000010000 0000000000000000 0000000000000001");
        byte[] directory = joined(
                hex("0001 00000007 0001 01" + "6b" + "0001" + "76"),
                hex("0002 00000009 07 00000004 6e6f6e65"),
                hex("0003 0000001c 0001 01 72 0000000000003000 0000000000001000 ffffffffffffffff"),
                hex("0004 00000012 0001 01 64 00000001 00000002 00000002 0908"),
                hex("0005 00000002 7b7d"),
                hex("0006 00000028 0000000000000001 0000000000000001 0000000000000001 0000000000000001"),
                ByteBuffer.allocate(8)
                        .putLong(Files.size(root.resolve("packs/00000001.pack")))
                        .array(),
                hex("0007 00000028 00000001 00000001"),
                sha(id()),
                hex("0008 00000010 0000000000000010 0018 0000"),
                ByteBuffer.allocate(4).putInt(crc(group)).array());
        assertThat(read("snapshots/web+monday.snapshot"))
                .isEqualTo(
                        joined(header("GODWSNAP"), group, directory, footer("GODWSNAP", 16 + group.length, directory)));
    }

    @Test
    void theIndexHasOneEntryForEachPage() throws Exception {
        int slots = 64;
        ByteBuffer header = ByteBuffer.allocate(64);
        header.put(ascii("GODWINDX")).putInt(1).putInt(1).putLong(slots).putLong(1);
        header.put(Arrays.copyOf(sha(joined(hex("00000001"), sha(id()))), 24)).putInt(0);
        header.putInt(crc(Arrays.copyOf(header.array(), 60)));
        byte[] entries = new byte[slots * 8];
        ByteBuffer id = ByteBuffer.wrap(id());
        int slot = (int) (id.getLong(0) & (slots - 1));
        long place = 1L << 16;
        ByteBuffer.wrap(entries).putLong(slot * 8, ((id.getShort(22) & 0xffffL) << 48) | place);
        assertThat(read("index")).isEqualTo(joined(header.array(), entries));
    }
}
