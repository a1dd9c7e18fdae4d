// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** A stream whose pages lie in the file: the block list goes on behind the pages of each block. */
class MappedRamTest {
    private static final Configuration CONFIGURATION = Configuration.of("none").withMappedRam(true);

    private final List<MappedBlock> blocks = new ArrayList<>();
    private final List<RamBlockEntry> entries = new ArrayList<>();
    private final StreamReader reader = new StreamReader(
            new StreamListener() {
                @Override
                public void mappedBlock(MappedBlock block) {
                    blocks.add(block);
                }

                @Override
                public void ramBlocks(List<RamBlockEntry> list) {
                    entries.addAll(list);
                }

                @Override
                public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
                    throw new AssertionError("a page in a record");
                }

                @Override
                public void zeroPage(int blockIndex, long offset) {
                    throw new AssertionError("a page in a record");
                }
            },
            StreamLimits.DEFAULT);

    private static ByteBuffer head() {
        ByteBuffer out = ByteBuffer.allocate(4096);
        StreamWriter.header(out);
        StreamWriter.configuration(out, CONFIGURATION);
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.START, 2));
        StreamWriter.ramBlockListBegin(out, 3 * 4096);
        return out;
    }

    @Test
    void theListGoesOnBehindThePagesOfEachBlock() {
        reader.allowMappedRam();
        ByteBuffer first = head();
        StreamWriter.ramBlockEntry(first, RamBlockEntry.of("a", 4096));
        new MappedBlock(0, 200, 8192).encode(first);
        reader.consume(first.putInt(0xbad).flip());
        assertThat(reader.jump()).isEqualTo(OptionalLong.of(8192 + 4096));
        reader.continueAt(12288);
        ByteBuffer second = ByteBuffer.allocate(4096);
        StreamWriter.ramBlockEntry(second, RamBlockEntry.of("b", 8192));
        new MappedBlock(1, 13000, 16384).encode(second);
        reader.consume(second.flip());
        assertThat(entries).as("the list, before its last jump").isEmpty();
        assertThat(reader.jump()).isEqualTo(OptionalLong.of(16384 + 8192));
        reader.continueAt(24576);
        ByteBuffer end = ByteBuffer.allocate(4096);
        StreamWriter.endOfRamSection(end, 2);
        reader.consume(end.flip());
        assertThat(reader.jump()).isEmpty();
        assertThat(reader.position()).isEqualTo(24576 + 13);
        assertThat(entries).extracting(RamBlockEntry::idstr).containsExactly("a", "b");
        assertThat(blocks).containsExactly(new MappedBlock(0, 200, 8192), new MappedBlock(1, 13000, 16384));
    }

    @Test
    void whoDoesNotAllowItIsTold() {
        assertThatThrownBy(() -> reader.consume(head().flip()))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining("mapped-ram");
    }

    @Test
    void offsetsThatLeadNowhereAreRefused() {
        for (MappedBlock wrong : List.of(
                new MappedBlock(0, -1, 8192),
                new MappedBlock(0, 8192, 8192),
                new MappedBlock(0, Long.MAX_VALUE, Long.MAX_VALUE - 4096),
                new MappedBlock(0, 200, Long.MAX_VALUE))) {
            StreamReader strict = new StreamReader(new Recording(), StreamLimits.DEFAULT);
            strict.allowMappedRam();
            ByteBuffer first = head();
            StreamWriter.ramBlockEntry(first, RamBlockEntry.of("a", 4096));
            wrong.encode(first);
            assertThatThrownBy(() -> strict.consume(first.flip()))
                    .as(wrong.toString())
                    .isInstanceOf(StreamFormatException.class);
        }
    }

    @Test
    void aConfigurationIsReadAgainFromItsBytes() {
        assertThat(ConfigurationSection.decode(ConfigurationSection.encode(CONFIGURATION)))
                .isEqualTo(CONFIGURATION);
        assertThat(CONFIGURATION.withMappedRam(false)).isEqualTo(Configuration.of("none"));
        byte[] cut = ConfigurationSection.encode(CONFIGURATION).toByteArray();
        for (int length = 1; length < cut.length; length++) {
            byte[] part = java.util.Arrays.copyOf(cut, length);
            if (length != 9) {
                assertThatThrownBy(() -> ConfigurationSection.decode(Bytes.copyOf(part)))
                        .as(length + " bytes")
                        .isInstanceOf(StreamFormatException.class);
            }
        }
    }
}
