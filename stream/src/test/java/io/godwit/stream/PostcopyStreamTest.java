// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Main and preempt channel of a postcopy, the recovery included: what comes in what order, and what may not. */
final class PostcopyStreamTest {
    private static final StreamLimits SMALL = new StreamLimits(4, 1 << 20, 1 << 20, 255, 64 << 10, 32 << 10, 64 << 10);
    private static final List<RamBlockEntry> BLOCKS = SampleStream.BLOCKS;
    private static final String ADVISED =
            "5145564d 00000003 07 00000004 6e6f6e65 08 0003 0010 0000000000001000 0000000000001000";
    private static final String SETUP = ADVISED + "01 00000001 03 72616d 00000000 00000004"
            + "0000000000002004 01 61 0000000000002000 0000000000000010 7e 00000001";
    private static final String SWITCHED = SETUP + "08 0007 0004 0000000a 0800040000 0800050000";
    private static final String END = "03 00000001 0000000000000010 7e 00000001";
    private static final String ZERO_PAGE = "02 00000001 0000000000000002 01 61 00 0000000000000010 7e 00000001";

    private static final Command.Packaged PACKAGED =
            PostcopyPackage.encode(SampleStream.CONFIGURATION, 10, SampleStream.devices(), 3, true);

    /** Everything up to the blob, and with {@code wholly} what comes after it. */
    private static byte[] stream(boolean wholly) {
        ByteBuffer out = ByteBuffer.allocate(64 << 10);
        StreamWriter.header(out);
        StreamWriter.configuration(out, SampleStream.CONFIGURATION);
        StreamWriter.command(out, new Command.OpenReturnPath());
        StreamWriter.command(out, new Command.PostcopyAdvise(OptionalLong.of(4096), OptionalLong.of(4096)));
        StreamWriter.ramSetup(out, SampleStream.RAM, BLOCKS);
        var pages = new PageRecordWriter(BLOCKS);
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.PART, SampleStream.RAM));
        pages.pageHeader(out, 0, 0);
        out.put(SampleStream.content(1));
        StreamWriter.endOfRamSection(out, SampleStream.RAM);
        StreamWriter.command(out, new Command.SwitchoverStart());
        StreamWriter.command(out, new Command.PostcopyRamDiscard("pc.ram", List.of(new Command.Range(0, 8 * 4096))));
        StreamWriter.command(out, new Command.Ping(2));
        StreamWriter.command(out, PACKAGED);
        if (!wholly) {
            return Arrays.copyOf(out.array(), out.position());
        }
        StreamWriter.command(out, new Command.Ping(4));
        pages.forgetBlock();
        putPages(out, pages);
        StreamWriter.endOfStream(out);
        return Arrays.copyOf(out.array(), out.position());
    }

    private static void putPages(ByteBuffer out, PageRecordWriter pages) {
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.PART, SampleStream.RAM));
        pages.pageHeader(out, 0, 4096);
        out.put(SampleStream.content(2));
        pages.zeroPage(out, 1, 0);
        StreamWriter.endOfRamSection(out, SampleStream.RAM);
        StreamWriter.command(out, new Command.Ping(5));
        StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.END, SampleStream.RAM));
        StreamWriter.endOfRamSection(out, SampleStream.RAM);
    }

    private static byte[] recovery() {
        ByteBuffer out = ByteBuffer.allocate(64 << 10);
        StreamWriter.command(out, new Command.Ping(9));
        StreamWriter.command(out, new Command.ReceivedBitmap("pc.ram"));
        StreamWriter.command(out, new Command.ReceivedBitmap("/rom@etc/acpi/rsdp"));
        StreamWriter.command(out, new Command.PostcopyResume());
        putPages(out, new PageRecordWriter(BLOCKS));
        StreamWriter.endOfStream(out);
        return Arrays.copyOf(out.array(), out.position());
    }

    @Test
    void consumeStopsBehindThePackageWhereTheListenerWantsIt() {
        int blobEnd = stream(false).length;
        var recording = new StoppingRecording();
        var reader = new StreamReader(recording, SMALL);
        recording.reader = reader;
        ByteBuffer in = ByteBuffer.wrap(stream(true));
        reader.consume(in);
        assertThat(recording.events).endsWith(PACKAGED);
        assertThat(in.position()).isEqualTo(blobEnd);
        assertThat(reader.isPostcopy()).isTrue();
        assertThat(reader.ramBlocks()).isEqualTo(BLOCKS);
        reader.consume(in);
        assertThat(reader.isComplete()).isTrue();
        assertThat(recording.events)
                .contains(new Command.Ping(4), new Recording.ZeroPage(1, 0))
                .endsWith("end");
    }

    /** Stops at PACKAGED. */
    private static final class StoppingRecording implements StreamListener {
        private final List<Object> events = new ArrayList<>();
        private @Nullable StreamReader reader;

        @Override
        public void command(Command command) {
            events.add(command);
            if (command instanceof Command.Packaged && reader != null) {
                reader.stopConsuming();
            }
        }

        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
            events.add(new Recording.Page(blockIndex, offset, Bytes.copyOf(buffer, index, 4096)));
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            events.add(new Recording.ZeroPage(blockIndex, offset));
        }

        @Override
        public void endOfStream() {
            events.add("end");
        }
    }

    @Test
    void aNewConnectionGoesOnWhereverTheOldOneBroke() {
        int blobEnd = stream(false).length;
        byte[] whole = stream(true);
        for (int cut = 0; cut <= whole.length; cut++) {
            var recording = new Recording();
            var reader = new StreamReader(recording, SMALL);
            Recording.feed(reader, Arrays.copyOf(whole, cut), 1 << 20);
            if (cut < blobEnd) {
                assertThatThrownBy(reader::resume).as("cut at %s", cut).isInstanceOf(IllegalStateException.class);
                continue;
            }
            reader.resume();
            assertThat(reader.position()).isZero();
            recording.events.clear();
            Recording.feed(reader, recovery(), 1 << 20).endOfInput();
            assertThat(recording.events)
                    .as("cut at %s", cut)
                    .contains(
                            new Command.ReceivedBitmap("pc.ram"),
                            new Command.PostcopyResume(),
                            new Recording.Page(0, 4096, Bytes.copyOf(SampleStream.content(2))))
                    .endsWith("end");
        }
    }

    @Test
    void aReaderThatHasFailedInPostcopyGoesOnToo() {
        var reader = new StreamReader(new Recording(), SMALL);
        byte[] bad = Recording.hex(SWITCHED + "09");
        assertThatThrownBy(() -> Recording.feed(reader, bad, 1)).isInstanceOf(StreamFormatException.class);
        reader.resume();
        Recording.feed(reader, Recording.hex("08 000a 0002 01 61 08 0009 0000" + ZERO_PAGE + END + "00"), 1)
                .endOfInput();
        assertThat(reader.isComplete()).isTrue();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "02 00000001 | goes on before the command POSTCOPY_RESUME",
                "08 0009 0000 02 00000001 0000000000000022 00 | none has been named yet",
                "08 0009 0000 02 00000002 | Unknown section id in a PART: expected 1 (ram), found 2",
                "08 0009 0000 08 0009 0000 | POSTCOPY_RESUME comes out of order",
                "08 0009 0000 08 000a 0002 01 61 | RECV_BITMAP comes out of order",
                "08 000a 0002 01 62 | Unknown RAM block 'b'",
                "08 0001 0000 | The command 1 after PACKAGED",
                "51 | Unknown section type"
            })
    void wrongRecoveryIsNamed(String digits, String message) {
        var reader = new StreamReader(new Recording(), SMALL);
        Recording.feed(reader, Recording.hex(SWITCHED), 1 << 20);
        reader.resume();
        byte[] bad = Recording.hex(digits);
        assertThatThrownBy(() -> Recording.feed(reader, bad, 1))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "04 | A device section after the PACKAGED command",
                "00 | before the END of section 'ram'",
                "06 | The vmdesc before the end",
                "08 0007 0004 00000000 | PACKAGED comes out of order",
                "08 000b 0000 | The command 11 after PACKAGED",
                "08 0006 0014 00 01 61 00 0000000000000000 0000000000001000 | POSTCOPY_RAM_DISCARD comes out of order",
                "08 0003 0000 | POSTCOPY_ADVISE comes out of order",
                "02 00000001 0000000000000040 01 61 | turn the capability xbzrle off",
                END + "02 00000001 | has a PART after its END",
                END + "0006 | bytes follow the end of the stream"
            })
    void whatMayNotFollowThePackageIsNamed(String digits, String message) {
        byte[] stream = Recording.hex(SWITCHED + digits);
        assertThatThrownBy(() -> Recording.of(stream, 1))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "62 00 0000000000000000 0000000000001000 | Unknown RAM block 'b'",
                "61 01 0000000000000000 0000000000001000 | Byte after the block name of POSTCOPY_RAM_DISCARD",
                "61 00 0000000000002000 0000000000001000 | found 0x1000 bytes from 0x2000",
                "61 00 0000000000001000 0000000000002000 | found 0x2000 bytes from 0x1000",
                "61 00 fffffffffffff000 0000000000001000 | from 0xfffffffffffff000",
                "61 00 0000000000001000 fffffffffffff000 | whole pages inside 0x2000 bytes",
                "61 00 0000000000001000 7ffffffffffff000 | whole pages inside 0x2000 bytes",
                "61 00 0000000000000800 0000000000001000 | whole pages inside 0x2000 bytes",
                "61 00 0000000000000000 0000000000000000 | found 0x0 bytes"
            })
    void discardOutOfRangeIsNamed(String digits, String message) {
        byte[] stream = Recording.hex(SETUP + "08 0006 0014 00 01" + digits);
        assertThatThrownBy(() -> Recording.feed(new StreamReader(new Recording(), SMALL), stream, 1))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining(message);
    }

    @Test
    void hugePagesAreToldInTheBlockList() {
        List<RamBlockEntry> blocks =
                List.of(RamBlockEntry.withPages("b", 0x200000, 0x200000), RamBlockEntry.withPages("a", 0x1000, 4096));
        assertThat(blocks).extracting(RamBlockEntry::pageBytes).containsExactly(0x200000L, 4096L);
        ByteBuffer out = ByteBuffer.allocate(2000);
        StreamWriter.header(out);
        StreamWriter.configuration(out, Configuration.of("none"));
        StreamWriter.command(out, new Command.PostcopyAdvise(OptionalLong.of(0x201000), OptionalLong.of(4096)));
        int before = out.position();
        StreamWriter.ramSetup(out, 1, blocks);
        byte[] setup = Arrays.copyOfRange(out.array(), before, out.position());
        assertThat(setup)
                .isEqualTo(Recording.hex("01 00000001 03 72616d 00000000 00000004 0000000000201004"
                        + "01 62 0000000000200000 0000000000200000 01 61 0000000000001000"
                        + "0000000000000010 7e 00000001"));
        byte[] stream = Arrays.copyOf(out.array(), out.position());
        for (int chunkBytes : new int[] {1, stream.length}) {
            var recording = new Recording();
            var reader = new StreamReader(recording, StreamLimits.DEFAULT);
            Recording.feed(reader, stream, chunkBytes);
            assertThat(recording.events).contains(blocks);
            assertThat(reader.ramBlocks()).isEqualTo(blocks);
        }
        assertThatThrownBy(() -> RamBlockEntry.withPages("b", 0x201000, 0x200000))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0000000000001000 | 0000000000200000 0000000000200000 | one of those that POSTCOPY_ADVISE has "
                        + "announced, 0x1000, found 0x200000",
                "0000000000201000 | 0000000000201000 0000000000200000 | a multiple of its pages' 2097152, found 2101248"
            })
    void pageSizeThatDoesNotFitIsNamed(String summary, String entry, String message) {
        byte[] stream = Recording.hex("5145564d 00000003 07 00000004 6e6f6e65 08 0003 0010" + summary
                + "0000000000001000 01 00000001 03 72616d 00000000 00000004 0000000000401004 01 62" + entry);
        assertThatThrownBy(() -> Recording.feed(new StreamReader(new Recording(), StreamLimits.DEFAULT), stream, 1))
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @ValueSource(longs = {21, 22})
    void mutatedPostcopyEndsInFormatExceptionsOnly(long seed) {
        System.out.println("mutation seed " + seed);
        var random = new Random(seed);
        byte[] whole = stream(true);
        byte[] recovery = recovery();
        for (int i = 0; i < 3000; i++) {
            byte[] first = random.nextBoolean() ? whole : HostileStreamTest.mutate(whole, random);
            byte[] second = HostileStreamTest.mutate(recovery, random);
            var reader = new StreamReader(new Recording(), SMALL);
            int chunkBytes = 1 + random.nextInt(5000);
            Throwable thrown = catchThrowable(() -> Recording.feed(reader, first, chunkBytes));
            requireFormatException(thrown, seed, i);
            if (reader.isPostcopy()) {
                reader.resume();
                thrown = catchThrowable(
                        () -> Recording.feed(reader, second, chunkBytes).endOfInput());
                requireFormatException(thrown, seed, i);
            }
        }
    }

    private static void requireFormatException(@Nullable Throwable thrown, long seed, int i) {
        if (thrown != null) {
            assertThat(thrown).as("seed %s, round %s", seed, i).isInstanceOf(StreamFormatException.class);
        }
    }
}
