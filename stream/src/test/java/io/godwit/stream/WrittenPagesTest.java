// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WrittenPagesTest {
    /** The second one ends within its second word. */
    private static final List<RamBlockEntry> BLOCKS =
            List.of(RamBlockEntry.of("mem", 128 * 4096), RamBlockEntry.of("rom", 70 * 4096));

    private final List<String> heard = new ArrayList<>();
    private final WrittenPages reader = new WrittenPages(
            BLOCKS, (block, word, bits) -> heard.add(block + "/" + word + "=" + Long.toHexString(bits)));

    private static ByteBuffer bytes(String hex) {
        return ByteBuffer.wrap(HexFormat.of().parseHex(hex.replace(" ", "")));
    }

    @Test
    void itsBytesAreThese() {
        ByteBuffer out = ByteBuffer.allocate(WrittenPages.HEAD_BYTES + 2 * WrittenPages.WORD_BYTES);
        WrittenPages.putHead(out, 2);
        WrittenPages.putWord(out, 0, 1, 0x8000_0000_0000_0001L);
        WrittenPages.putWord(out, 1, 1, 0x21);
        ByteBuffer golden = bytes("00000002 00000000 00000001 8000000000000001 00000001 00000001 0000000000000021");
        assertThat(out.flip()).isEqualTo(golden);
        assertThat(reader.consume(golden, 0)).isTrue();
        assertThat(heard).containsExactly("0/1=8000000000000001", "1/1=21");
    }

    @Test
    void itMayComeByteByByteAndAgain() {
        byte[] all = bytes("00000002 00000000 00000000 0000000000000003 00000001 00000000 00000000000000ff 00000000")
                .array();
        ByteBuffer in = ByteBuffer.allocate(all.length);
        int ends = 0;
        for (byte one : all) {
            in.put(one).flip();
            ends += reader.consume(in, 0) ? 1 : 0;
            in.compact();
        }
        assertThat(ends).as("two of them, the second one empty").isEqualTo(2);
        assertThat(heard).containsExactly("0/0=3", "1/0=ff");
    }

    @ParameterizedTest
    @CsvSource({
        "00000005, 'number of words: expected at most 4, found 5'",
        "ffffffff, 'number of words: expected at most 4, found 4294967295'",
        "00000001 00000002 00000000 0000000000000001, 'block: expected at most 1, found 2'",
        "00000001 ffffffff 00000000 0000000000000001, 'block: expected at most 1'",
        "00000001 00000000 00000002 0000000000000001, 'expected at most 1, found 2'",
        "00000001 00000000 ffffffff 0000000000000001, 'expected at most 1, found 4294967295'",
        "00000001 00000000 00000000 0000000000000000, 'bits of word 0'",
        "00000001 00000001 00000001 0000000000000040, 'expected some of 6, found 40'",
        "00000002 00000000 00000001 0000000000000001 00000000 00000001 0000000000000001, 'order of words'",
        "00000002 00000001 00000000 0000000000000001 00000000 00000001 0000000000000001, 'order of words'",
    })
    void nonsenseIsRefused(String hex, String sentence) {
        assertThatThrownBy(() -> reader.consume(bytes(hex), 9))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining(sentence);
    }
}
