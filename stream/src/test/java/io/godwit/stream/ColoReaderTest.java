// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Checkpoints come whole, in any pieces, and nothing else is taken for one. */
final class ColoReaderTest {
    private static final List<RamBlockEntry> BLOCKS =
            List.of(RamBlockEntry.of("pc.ram", 0x4000), RamBlockEntry.of("rom", 0x1000));
    private static final String SEND_NOTHING = "00000003" + "03 00000001 0000000000000010 7e 00000001" + "00";

    private final List<String> heard = new ArrayList<>();

    private final StreamListener pages = new StreamListener() {
        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
            heard.add("page " + blockIndex + "@" + offset + "=" + buffer.get(index));
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            heard.add("zero " + blockIndex + "@" + offset);
        }
    };

    private final ColoListener checkpoints = new ColoListener() {
        @Override
        public void checkpointRequested() {
            heard.add("request");
        }

        @Override
        public void memoryEnded() {
            heard.add("memory");
        }

        @Override
        public void devicesArrived(Bytes deviceBytes) {
            heard.add("devices " + deviceBytes.byteLength());
        }
    };

    private ColoReader afterStream() {
        StreamReader reader = new StreamReader(pages, StreamLimits.DEFAULT);
        ByteBuffer out = ByteBuffer.allocate(1 << 16);
        Configuration configuration = Configuration.of("none");
        int _ = StreamWriter.header(out)
                + StreamWriter.configuration(out, configuration)
                + StreamWriter.command(out, new Command.EnableColo())
                + StreamWriter.ramSetup(out, 1, BLOCKS)
                + StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.END, 1));
        int _ = new PageRecordWriter(BLOCKS).zeroPage(out, 0, 0x1000) + StreamWriter.endOfRamSection(out, 1);
        out.put(StreamWriter.tail(configuration, 2, List.of(new GlobalState("running", false).toSection())));
        reader.consume(out.flip());
        assertThat(reader.isComplete()).isTrue();
        heard.clear();
        return reader.checkpoints(checkpoints);
    }

    @Test
    void eachMessageIsItsNumber() {
        ByteBuffer out = ByteBuffer.allocate(28);
        for (ColoMessage message : ColoMessage.values()) {
            message.encode(out);
        }
        assertThat(out.array())
                .isEqualTo(Recording.hex("00000000 00000001 00000002 00000003 00000004 00000005 00000006"));
        assertThat(ColoMessage.take(ByteBuffer.wrap(Recording.hex("00000005")), 0))
                .isEqualTo(ColoMessage.VMSTATE_RECEIVED);
        assertThatThrownBy(() -> ColoMessage.take(ByteBuffer.wrap(Recording.hex("00000007")), 12))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining("the unknown 7");
    }

    @Test
    void checkpointComesWholeWhateverItsPieces() {
        byte[] whole = Recording.hex("00000001" + "00000003"
                // WIRE: CONTINUE means the block of the last page, which was one of the stream.
                + "02 00000001 0000000000002022 00 0000000000000010 7e 00000001"
                + "03 00000001 0000000000001002 03 726f6d".replace("1002", "0002")
                + "00 0000000000000010 7e 00000001" + "00"
                + "00000004 0000000000000003 04 00 00");
        List<String> expected = List.of("request", "zero 0@8192", "zero 1@0", "memory", "devices 3");
        for (int piece = 1; piece <= whole.length; piece++) {
            ColoReader reader = afterStream();
            ByteBuffer in = ByteBuffer.allocate(1 << 13);
            for (int at = 0; at < whole.length; at += piece) {
                in.put(whole, at, Math.min(piece, whole.length - at)).flip();
                reader.consume(in);
                in.compact();
            }
            assertThat(heard).as("pieces of %d", piece).isEqualTo(expected);
            assertThat(reader.isBetweenCheckpoints()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(names = "CHECKPOINT_REQUEST", mode = EnumSource.Mode.EXCLUDE)
    void betweenCheckpointsOnlyRequestIsTaken(ColoMessage message) {
        assertThatThrownBy(() -> afterStream().consume(ByteBuffer.allocate(4).putInt(0, message.value())))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining("CHECKPOINT_REQUEST (1)")
                .hasMessageContaining(message + " (" + message.value() + ")");
    }

    @Test
    void unknownMessageIsRefused() {
        assertThatThrownBy(() -> afterStream().consume(ByteBuffer.wrap(Recording.hex("ffffffff"))))
                .hasMessageContaining("the unknown 4294967295");
    }

    @Test
    void absurdSizesAreRefusedBeforeAnythingIsAllocated() {
        for (String size : List.of("7fffffffffffffff", "ffffffffffffffff", "0000000000000000", "0000000100000000")) {
            assertThatThrownBy(() -> afterStream()
                            .consume(ByteBuffer.wrap(Recording.hex("00000001" + SEND_NOTHING + "00000004" + size))))
                    .as(size)
                    .isInstanceOf(StreamFormatException.class)
                    .hasMessageContaining("1 to 67108864");
        }
    }

    @Test
    void foreignSectionIsRefused() {
        assertThatThrownBy(() -> afterStream().consume(ByteBuffer.wrap(Recording.hex("00000001 00000003 03 00000002"))))
                .hasMessageContaining("1 (ram)");
        assertThatThrownBy(() -> afterStream().consume(ByteBuffer.wrap(Recording.hex("00000001 00000003 04"))))
                .hasMessageContaining("0x4");
        assertThatThrownBy(() -> afterStream()
                        .consume(ByteBuffer.wrap(
                                Recording.hex("00000001 00000003 03 00000001 0000000000000010 7f 00000001"))))
                .hasMessageContaining("0x7f");
    }

    @Test
    void pageOutsideItsBlockIsRefused() {
        assertThatThrownBy(() -> afterStream()
                        .consume(ByteBuffer.wrap(Recording.hex("00000001 00000003 03 00000001 0000000000004022 00"))))
                .hasMessageContaining("outside RAM block 'pc.ram'");
    }

    @Test
    void endOfTheConnectionSaysWhere() {
        ColoReader between = afterStream();
        assertThat(between.hungUp()).hasMessageContaining("after checkpoint 0");
        ColoReader inside = afterStream();
        inside.consume(ByteBuffer.wrap(Recording.hex("00000001 00000003")));
        assertThat(inside.hungUp()).hasMessageContaining("inside checkpoint 1");
    }

    @Test
    void devicesAreToldApartByTheVmdescBehindThem() {
        DeviceSection section = new GlobalState("running", false).toSection();
        ByteBuffer whole = ColoDevices.encode(Configuration.of("none"), 2, List.of(section), true);
        ColoDevices read =
                ColoDevices.decode(Bytes.copyOf(whole, whole.position(), whole.remaining()), StreamLimits.DEFAULT);
        assertThat(read.devices().orElseThrow())
                .singleElement()
                .satisfies(one -> assertThat(one.payload()).isEqualTo(section.payload()));
        assertThat(read.deviceBytes().byteLength()).isEqualTo(section.byteLength());
    }

    @Test
    void devicesWithoutVmdescStayOnePiece() {
        ColoDevices read = ColoDevices.decode(Bytes.copyOf(Recording.hex("04 01 02 00")), StreamLimits.DEFAULT);
        assertThat(read.devices()).isEmpty();
        assertThat(read.deviceBytes()).isEqualTo(Bytes.copyOf(Recording.hex("04 01 02")));
        assertThatThrownBy(() -> ColoDevices.decode(Bytes.copyOf(Recording.hex("07 00")), StreamLimits.DEFAULT))
                .isInstanceOf(StreamFormatException.class);
        assertThatThrownBy(() -> ColoDevices.decode(Bytes.copyOf(Recording.hex("04 01")), StreamLimits.DEFAULT))
                .isInstanceOf(StreamFormatException.class);
    }

    @Test
    void readyEndsTheReturnPath() {
        List<ReturnPathMessage> messages = new ArrayList<>();
        ReturnPathReader reader = new ReturnPathReader(messages::add);
        ByteBuffer in = ByteBuffer.wrap(Recording.hex("0002 0004 00000004" + "00000000" + "00000002"));
        reader.allowColo();
        reader.consume(in);
        assertThat(messages).containsExactly(new ReturnPathMessage.Pong(4));
        assertThat(reader.isColo()).isTrue();
        assertThat(in.remaining()).isEqualTo(4);
    }
}
