// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.Bytes;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class CheckpointWireTest {
    private static final UUID GUEST = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");

    /** What was read, as text. */
    private static final class Notes implements CheckpointListener {
        final List<String> heard = new ArrayList<>();

        @Override
        public void record(CheckpointRecord record) {
            heard.add(record.getClass().getSimpleName());
        }

        @Override
        public void page(int block, long offset, ByteBuffer content, int index) {
            heard.add("page " + block + "/" + offset + " of " + content.get(index));
        }

        @Override
        public void zeroPage(int block, long offset) {
            heard.add("zero " + block + "/" + offset);
        }
    }

    @Test
    void recordsAreTheseBytes() {
        assertThat(hex(new CheckpointRecord.Block(1, "ram", 0x2000)::encode))
                .isEqualTo("01" + "0001" + "03" + "72616d" + "0000000000002000");
        assertThat(hex(new CheckpointRecord.Begin(5, 7)::encode))
                .isEqualTo("02" + "0000000000000005" + "0000000000000007");
        assertThat(hex(new CheckpointRecord.Devices(Bytes.copyOf(new byte[] {9, 8}))::encode))
                .isEqualTo("04" + "00000002" + "0908");
        assertThat(hex(new CheckpointRecord.End(5, 3, 0x01020304)::encode))
                .isEqualTo("05" + "0000000000000005" + "0000000000000003" + "01020304");
        assertThat(hex(new CheckpointRecord.SafetyEnd(5)::encode)).isEqualTo("06" + "0000000000000005");
        assertThat(hex(new KeeperWord.Greeting(GUEST, 5, 50, true)::encode))
                .isEqualTo("47647745" + "0001" + "01" + "00112233445566778899aabbccddeeff" + "0000000000000005"
                        + "00000032");
        assertThat(hex(new KeeperWord.Acknowledged(5)::encode)).isEqualTo("11" + "0000000000000005");
        assertThat(hex(new KeeperWord.SafetyOver(5)::encode)).isEqualTo("12" + "0000000000000005");
    }

    @Test
    void wordsOfTheSourceRoundTrip() {
        KeeperWord.Greeting greeting = new KeeperWord.Greeting(GUEST, 5, 50, false);
        assertThat(KeeperWord.Greeting.decode(put(greeting::encode))).isEqualTo(greeting);
        for (KeeperWord word : List.of(new KeeperWord.Acknowledged(1), new KeeperWord.SafetyOver(2))) {
            assertThat(KeeperWord.decodeAnswer(put(word::encode))).contains(word);
        }
        assertThat(KeeperWord.decodeAnswer(ByteBuffer.allocate(8))).isEmpty();
    }

    @Test
    void wordsThatAreNoneAreRefused() {
        assertThatThrownBy(() -> KeeperWord.decodeAnswer(bytes("13" + "0000000000000005")))
                .hasMessageContaining("0x13");
        assertThatThrownBy(() -> KeeperWord.Greeting.decode(bytes("5145564d" + "0000000300" + "00".repeat(30))))
                .hasMessageContaining("magic 0x5145564d");
        assertThatThrownBy(() -> KeeperWord.Greeting.decode(
                        bytes("47647745" + "0001" + "00" + "00".repeat(16) + "ff".repeat(8))))
                .hasMessageContaining("claims to have epoch -1");
        assertThatThrownBy(() -> KeeperWord.Greeting.decode(
                        bytes("47647745" + "0001" + "00" + "00".repeat(16) + "00".repeat(8) + "00000000")))
                .hasMessageContaining("an epoch every 0 ms");
    }

    @Test
    void wholeEpochIsReadInWhateverPiecesItComes() {
        ByteBuffer whole = epoch(1);
        Notes atOnce = new Notes();
        new CheckpointReader(atOnce, 0).consume(whole.duplicate());
        assertThat(atOnce.heard)
                .containsExactly(
                        "Block",
                        "Block",
                        "Begin",
                        "page 0/4096 of 1",
                        "zero 0/8192",
                        "page 1/0 of 2",
                        "Devices",
                        "End");
        for (int piece : new int[] {1, 7, 4096, 5000}) {
            Notes pieces = new Notes();
            CheckpointReader reader = new CheckpointReader(pieces, 0);
            ByteBuffer in = ByteBuffer.allocate(CheckpointReader.MIN_BUFFER_BYTES);
            ByteBuffer rest = whole.duplicate();
            while (rest.hasRemaining() || in.position() > 0) {
                int taken = Math.min(rest.remaining(), Math.min(in.remaining(), piece));
                in.put(rest.slice(rest.position(), taken));
                rest.position(rest.position() + taken);
                reader.consume(in.flip());
                in.compact();
            }
            assertThat(pieces.heard).as("pieces of %d bytes", piece).isEqualTo(atOnce.heard);
        }
    }

    static List<List<String>> hostile() {
        String blocks = "01" + "0000" + "01" + "61" + "0000000000002000";
        String begin = "02" + "0000000000000001" + "0000000000000000";
        return List.of(
                List.of("00", "unknown type 0x00"),
                List.of("01" + "0001" + "01" + "61" + "0000000000002000", "announced as number 0"),
                List.of("01" + "0000" + "00" + "0000000000002000", "name of 0 bytes"),
                List.of("01" + "0000" + "01" + "61" + "0000000000002001", "length of 8193"),
                List.of("01" + "0000" + "01" + "61" + "ffffffffffff0000", "length of -65536"),
                List.of(blocks + begin + blocks, "after the first epoch"),
                List.of(begin + begin, "before epoch 1 has ended"),
                List.of("02" + "0000000000000000" + "0000000000000000", "epoch 0 comes after epoch 0"),
                List.of("02" + "ffffffffffffffff" + "0000000000000000", "epoch -1 comes after"),
                List.of("02" + "0000000000000001" + "8000000000000000", "was taken after"),
                List.of(blocks + "03" + "0000" + "0001", "outside of an epoch"),
                List.of(blocks + begin + "03" + "0001" + "0001", "of block 1; 1 blocks"),
                List.of(blocks + begin + "03" + "0000" + "0000", "0 pages"),
                List.of(blocks + begin + "03" + "0000" + "0041", "65 pages"),
                List.of(blocks + begin + "03" + "0000" + "0001" + "0000000000002000", "offset 0x2000"),
                List.of(blocks + begin + "03" + "0000" + "0001" + "ffffffffffff0000", "offset 0xffffffffffff0000"),
                List.of(blocks + begin + "03" + "0000" + "0001" + "0000000000001002", "offset 0x1002"),
                List.of(blocks + begin + "04" + "7fffffff", "devices of 2147483647 bytes"),
                List.of(blocks + begin + "04" + "ffffffff", "devices of 4294967295 bytes"),
                List.of(blocks + begin + "04" + "00000000", "devices of 0 bytes"),
                List.of("04" + "00000001", "outside of an epoch"),
                List.of(blocks + begin + "04" + "00000001" + "00" + "04" + "00000001", "a second time"),
                List.of(blocks + begin + "04" + "00000001" + "00" + "03" + "0000" + "0001", "after its devices"),
                List.of(blocks + begin + "05" + "0000000000000001" + "0000000000000000" + "00000000", "has no devices"),
                List.of(
                        blocks + begin + "04" + "00000001" + "00" + "05" + "0000000000000002" + "0000000000000000"
                                + "00000000",
                        "epoch 2 ends"),
                List.of(
                        blocks + begin + "04" + "00000001" + "00" + "05" + "0000000000000001" + "0000000000000001"
                                + "00000000",
                        "0 pages and 0x"),
                List.of(begin + "06" + "0000000000000001", "in the middle of epoch 1"));
    }

    @ParameterizedTest
    @MethodSource("hostile")
    void whatIsNoEpochIsRefusedByName(List<String> bytesAndMessage) {
        Notes notes = new Notes();
        assertThatThrownBy(() -> new CheckpointReader(notes, 0).consume(bytes(bytesAndMessage.getFirst())))
                .isInstanceOf(MigrationException.Protocol.class)
                .hasMessageContaining(bytesAndMessage.getLast());
        assertThat(notes.heard).doesNotContain("End");
    }

    @Test
    void epochsNeverGoBack() {
        Notes notes = new Notes();
        CheckpointReader reader = new CheckpointReader(notes, 7);
        assertThatThrownBy(() -> reader.consume(epoch(7))).hasMessageContaining("epoch 7 comes after epoch 7");
    }

    @Test
    void mutatedEpochIsRefusedOrIncomplete() {
        long seed = new SplittableRandom().nextLong();
        System.out.printf("seed %d%n", seed);
        SplittableRandom random = new SplittableRandom(seed);
        byte[] whole = new byte[epoch(1).remaining()];
        epoch(1).get(whole);
        int announcement = 2 * 13;
        for (int i = 0; i < 20_000; i++) {
            byte[] mutant = whole.clone();
            int at = announcement + random.nextInt(whole.length - announcement);
            mutant[at] ^= (byte) (1 + random.nextInt(255));
            Notes notes = new Notes();
            try {
                new CheckpointReader(notes, 0).consume(ByteBuffer.wrap(mutant));
            } catch (MigrationException.Protocol e) {
                // As it should be.
            }
            assertThat(notes.heard).as("seed %d, byte %d", seed, at).doesNotContain("End");
        }
    }

    private static ByteBuffer epoch(long number) {
        ByteBuffer out = ByteBuffer.allocate(4 * 4096);
        new CheckpointRecord.Block(0, "a", 0x4000).encode(out);
        new CheckpointRecord.Block(1, "b", 0x1000).encode(out);
        int begin = out.position();
        new CheckpointRecord.Begin(number, 0).encode(out);
        out.put((byte) 3)
                .putShort((short) 0)
                .putShort((short) 2)
                .putLong(0x1000)
                .putLong(0x2001);
        out.put((byte) 1).put(new byte[4095]);
        out.put((byte) 3).putShort((short) 1).putShort((short) 1).putLong(0);
        out.put((byte) 2).put(new byte[4095]);
        new CheckpointRecord.Devices(Bytes.copyOf(new byte[100])).encode(out);
        CRC32C checksum = new CRC32C();
        checksum.update(out.array(), begin, out.position() - begin);
        new CheckpointRecord.End(number, 3, (int) checksum.getValue()).encode(out);
        return out.flip();
    }

    private static ByteBuffer put(Consumer<ByteBuffer> encode) {
        ByteBuffer out = ByteBuffer.allocate(4096);
        encode.accept(out);
        return out.flip();
    }

    private static String hex(Consumer<ByteBuffer> encode) {
        ByteBuffer out = put(encode);
        byte[] bytes = new byte[out.remaining()];
        out.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static ByteBuffer bytes(String hex) {
        return ByteBuffer.wrap(HexFormat.of().parseHex(hex));
    }
}
