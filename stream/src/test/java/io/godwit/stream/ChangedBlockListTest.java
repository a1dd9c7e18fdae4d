// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The block list that comes again in a PART section, where that was agreed. */
final class ChangedBlockListTest {
    private static final String START = "5145564d 00000003 07 00000004 6e6f6e65"
            + "01 00000001 03 72616d 00000000 00000004"
            + "0000000000002004 01 61 0000000000002000 0000000000000010 7e 00000001";
    /** {@code a} of two pages stays, {@code b} of one page is new. */
    private static final String CHANGE = "02 00000001"
            + "0000000000003004 01 61 0000000000002000 01 62 0000000000001000"
            + "0000000000000010 7e 00000001";

    private static final String EMPTY = "02 00000001 0000000000000004 0000000000000010 7e 00000001";
    private static final List<RamBlockEntry> NEXT = List.of(RamBlockEntry.of("a", 8192), RamBlockEntry.of("b", 4096));

    @Test
    void changeHasItsBytes() {
        ByteBuffer out = ByteBuffer.allocate(StreamWriter.ramBlockListBytes(NEXT));
        int length = StreamWriter.ramChange(out, 1, NEXT);
        assertThat(Arrays.copyOf(out.array(), out.position())).hasSize(length).isEqualTo(Recording.hex(CHANGE));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 4096})
    void pagesBehindTheListAreNumberedByIt(int chunkBytes) {
        Recording recording = read(
                START + CHANGE + "02 00000001 0000000000000002 01 62 00 0000000000000010 7e 00000001" + EMPTY,
                chunkBytes);
        assertThat(recording.events)
                .contains(new Recording.Changed(NEXT), new Recording.ZeroPage(1, 0), new Recording.Changed(List.of()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                // A page that goes on with the last block, behind a list: its numbers are others.
                "02 00000001 0000000000000002 01 61 00 0000000000000010 7e 00000001" + CHANGE
                        + "02 00000001 0000000000000022 00 | none has been named yet",
                EMPTY + "02 00000001 0000000000000002 01 61 00 | Unknown RAM block 'a'",
                "02 00000001 0000000000001004 01 62 0000000000002000 0000000000000010 | do not add up",
                "02 00000001 0000000000002004 01 62 0000000000001000 01 62 0000000000001000 | 'b' is in the block "
                        + "list twice",
                "02 00000001 7ffffffffffff004 | Total length of all RAM blocks",
                "02 00000001 0000000000001004 01 62 0000000000000001 0000000000000010 | a positive multiple of 4096",
                "02 00000001 0000000000000002 01 61 00 0000000000002004 | A block list outside the START",
                "03 00000001 0000000000002004 | A block list outside the START"
            })
    void whatIsNoListIsRefused(String digits, String message) {
        assertThatThrownBy(() -> read(START + digits, 4096))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining(message);
    }

    @Test
    void withoutAgreementThereIsOneList() {
        var reader = new StreamReader(new Recording(), StreamLimits.DEFAULT);
        assertThatThrownBy(() -> Recording.feed(reader, Recording.hex(START + CHANGE), 4096))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining("A block list outside the START of section 'ram'.");
    }

    private static Recording read(String digits, int chunkBytes) {
        var recording = new Recording();
        var reader = new StreamReader(recording, StreamLimits.DEFAULT);
        reader.allowChangedBlockList();
        StreamReader _ = Recording.feed(reader, Recording.hex(digits), chunkBytes);
        return recording;
    }
}
