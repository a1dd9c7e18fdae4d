// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The second connection has page records and nothing else. */
final class PreemptChannelTest {
    private static final List<RamBlockEntry> BLOCKS =
            List.of(RamBlockEntry.of("pc.ram", 0x1000000), RamBlockEntry.of("vga", 0x2000));

    private static byte[] channel() {
        var pages = new PageRecordWriter(BLOCKS);
        ByteBuffer out = ByteBuffer.allocate(20_000);
        pages.pageHeader(out, 0, 0x1a0000);
        out.put(SampleStream.content(1));
        pages.pageHeader(out, 0, 0x1a1000);
        out.put(SampleStream.content(2));
        pages.zeroPage(out, 1, 0x1000);
        return Arrays.copyOf(out.array(), out.position());
    }

    private static List<Object> pages() {
        return List.of(
                new Recording.Page(0, 0x1a0000, Bytes.copyOf(SampleStream.content(1))),
                new Recording.Page(0, 0x1a1000, Bytes.copyOf(SampleStream.content(2))),
                new Recording.ZeroPage(1, 0x1000));
    }

    private static PreemptChannelReader feed(Recording recording, byte[] channel, int chunkBytes) {
        var reader = new PreemptChannelReader(recording, BLOCKS);
        ByteBuffer buffer = ByteBuffer.allocate(StreamReader.MIN_BUFFER_BYTES);
        int at = 0;
        while (at < channel.length) {
            int taken = Math.min(Math.min(chunkBytes, buffer.remaining()), channel.length - at);
            buffer.put(channel, at, taken).flip();
            reader.consume(buffer);
            buffer.compact();
            at += taken;
        }
        return reader;
    }

    @Test
    void pagesComeFromTheFirstByteOn() {
        byte[] channel = channel();
        byte[] start = Arrays.copyOf(channel, 15);
        assertThat(HexFormat.of().formatHex(start)).isEqualTo("00000000001a0008" + "0670632e72616d");
        assertThat(HexFormat.of().formatHex(channel, 15 + 4096, 15 + 4096 + 8)).isEqualTo("00000000001a1028");
        for (int chunkBytes : new int[] {1, 100, 5000}) {
            var recording = new Recording();
            PreemptChannelReader reader = feed(recording, channel, chunkBytes);
            reader.endOfInput();
            assertThat(recording.events).isEqualTo(pages());
            assertThat(reader.position()).isEqualTo(channel.length);
        }
    }

    @Test
    void endRecordOfAnOldMachineTypeIsTaken() {
        byte[] ended = Arrays.copyOf(channel(), channel().length + 8);
        ended[ended.length - 1] = 0x10;
        for (int chunkBytes : new int[] {1, 5000}) {
            var recording = new Recording();
            feed(recording, ended, chunkBytes).endOfInput();
            assertThat(recording.events).isEqualTo(pages());
        }
        byte[] more = Arrays.copyOf(ended, ended.length + 1);
        assertThatThrownBy(() -> feed(new Recording(), more, 1)).hasMessageContaining("follow the end record");
        assertThatThrownBy(() -> feed(new Recording(), more, 5000)).hasMessageContaining("follow the end record");
    }

    @Test
    void endInsideOfARecordIsIncomplete() {
        byte[] channel = channel();
        for (int cut = 0; cut < channel.length; cut++) {
            boolean between = cut == 0 || cut == 15 + 4096 || cut == 15 + 4096 + 8 + 4096;
            PreemptChannelReader reader = feed(new Recording(), Arrays.copyOf(channel, cut), 5000);
            Throwable thrown = catchThrowable(reader::endOfInput);
            assertThat(thrown == null).as("cut at %s", cut).isEqualTo(between);
            if (thrown instanceof StreamFormatException e) {
                assertThat(e.isIncomplete()).isTrue();
                assertThat(e.section()).isEqualTo("preempt channel");
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0000000000000022 00 | none has been named yet",
                "0000000000000002 01 61 | Unknown RAM block 'a'",
                "0000000000002002 03 766761 00 | Page offset outside RAM block 'vga': expected at most 0x1000, found "
                        + "0x2000",
                "0000000000000002 03 766761 01 | Fill byte of a zero page",
                "0000000000000040 | turn the capability xbzrle off",
                "5145564d00000003 | Unknown combination of RAM flags",
                "0800020004000000 | Unknown combination of RAM flags"
            })
    void anythingElseIsNamed(String digits, String message) {
        byte[] bad = Recording.hex(digits);
        assertThatThrownBy(() -> feed(new Recording(), bad, 1))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageStartingWith("Stream byte ")
                .hasMessageContaining("in preempt channel")
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @ValueSource(longs = {31, 32})
    void mutationsEndInFormatExceptionsOnly(long seed) {
        System.out.println("mutation seed " + seed);
        var random = new Random(seed);
        for (int i = 0; i < 3000; i++) {
            byte[] mutated = HostileStreamTest.mutate(channel(), random);
            Throwable thrown = catchThrowable(() ->
                    feed(new Recording(), mutated, 1 + random.nextInt(5000)).endOfInput());
            if (thrown != null) {
                assertThat(thrown).as("seed %s, round %s", seed, i).isInstanceOf(StreamFormatException.class);
            }
        }
    }
}
