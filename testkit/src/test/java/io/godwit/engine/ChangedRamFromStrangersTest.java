// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.StreamWriter;
import io.godwit.testkit.guest.CountingGuest;
import io.godwit.testkit.guest.TestPlug;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A source that says what it likes about its RAM blocks: the destination refuses it, makes nothing of it and runs
 * nothing.
 */
@Timeout(120)
class ChangedRamFromStrangersTest {
    private static final int SECTION = 1;
    private static final long ROOM = 4 << 20;
    private static final RamBlockEntry RAM = RamBlockEntry.of("ram", CountingGuest.RAM_BYTES);
    private static final String PART = "02 00000001";
    private static final String RAM_ENTRY = "03 72616d 0000000000800000";
    private static final String END = "0000000000000010 7e 00000001";

    @TempDir
    Path directory;

    private static byte[] beginning(boolean asks) {
        ByteBuffer out = ByteBuffer.allocate(StreamWriter.MAX_RECORD_BYTES);
        StreamWriter.header(out);
        StreamWriter.configuration(out, Configuration.of(CountingGuest.MACHINE).withUuid(UUID.randomUUID()));
        StreamWriter.command(out, new Command.OpenReturnPath());
        if (asks) {
            StreamWriter.command(out, Extension.PLUG.ask());
        }
        StreamWriter.ramSetup(out, SECTION, List.of(RAM));
        byte[] bytes = new byte[out.flip().remaining()];
        out.get(bytes);
        return bytes;
    }

    private static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits.replaceAll("\\s", ""));
    }

    /** What the destination says when it has read these bytes and nothing more. */
    private static String said(Pair pair, boolean asks, byte[] change) throws IOException, InterruptedException {
        String address = pair.listen("tcp:127.0.0.1:0");
        int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.getOutputStream().write(beginning(asks));
            socket.getOutputStream().write(change);
            socket.shutdownOutput();
            assertThat(pair.destination.awaitEnd(Pair.PATIENCE)).isTrue();
        }
        assertThat(pair.destinationRun.state()).isEqualTo(RunState.INMIGRATE);
        assertThat(pair.destination.statistics().status()).isEqualTo(MigrationStatus.FAILED);
        assertThat(pair.census.most.get()).isEqualTo(1);
        return pair.destination.statistics().error().orElseThrow();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                // Longer than any guest, longer than this host gives, one too many of its bytes, no pages.
                "7ffffffffffff004 | Total length of all RAM blocks",
                "0000010000800004 " + RAM_ENTRY + " 01 62 0000010000000000 " + END
                        + " | RAM block 'b' of 1099511627776 bytes",
                "0000000000c01004 " + RAM_ENTRY + " 01 62 0000000000401000 " + END
                        + " | RAM block 'b' of 4198400 bytes: 4194304 of 4194304 bytes are left",
                "0000000000801004 " + RAM_ENTRY + " 01 62 0000000000000000 | a positive multiple of 4096",
                "0000000000802004 " + RAM_ENTRY + " 01 62 0000000000001000 01 62 0000000000001000"
                        + " | RAM block 'b' is in the block list twice",
                // What cannot go, and what cannot change.
                "0000000000001004 01 62 0000000000001000 " + END + " | RAM block 'ram' is soldered in",
                "0000000000000004 " + END + " | RAM block 'ram' is soldered in",
                "0000000000400004 03 72616d 0000000000400000 " + END + " | a block keeps its length",
                // Pages of what is not there.
                "0000000000801004 " + RAM_ENTRY + " 01 62 0000000000001000 " + END + PART
                        + "0000000000001002 01 62 00 | Page offset outside RAM block 'b'",
                "0000000000801004 " + RAM_ENTRY + " 01 62 0000000000001000 " + END + PART + "0000000000800004 "
                        + RAM_ENTRY + END + PART + "0000000000000002 01 62 00 | Unknown RAM block 'b'"
            })
    void aListThatCannotBeIsRefused(String list, String sentence) throws Exception {
        try (Pair pair = new Pair(directory)) {
            TestPlug plug = pair.destinationGuest.allowPlugging(ROOM);
            assertThat(said(pair, true, hex(PART + list))).contains(sentence);
            assertThat(plug.made.get()).isLessThanOrEqualTo(1);
        }
    }

    @Test
    void whoHasNotAskedKeepsItsList() throws Exception {
        byte[] change = change();
        try (Pair pair = new Pair(directory)) {
            TestPlug plug = pair.destinationGuest.allowPlugging(ROOM);
            assertThat(said(pair, false, change)).contains("A block list outside the START of section 'ram'.");
            assertThat(plug.made).hasValue(0);
        }
        try (Pair pair = new Pair(directory)) {
            // Asked, and got no yes: this guest has what it has.
            assertThat(said(pair, true, change)).contains("A block list outside the START of section 'ram'.");
        }
    }

    private static byte[] change() {
        List<RamBlockEntry> next = List.of(RAM, RamBlockEntry.of("new", 8 * RamBlock.PAGE_BYTES));
        ByteBuffer out = ByteBuffer.allocate(StreamWriter.ramBlockListBytes(next));
        int length = StreamWriter.ramChange(out, SECTION, next);
        byte[] bytes = new byte[length];
        out.flip().get(bytes);
        return bytes;
    }

    @Test
    void aCutAtAnyByteOfAnAnnouncementRunsNothing() throws Exception {
        byte[] change = change();
        for (int length = 0; length <= change.length; length++) {
            try (Pair pair = new Pair(directory)) {
                TestPlug plug = pair.destinationGuest.allowPlugging(ROOM);
                assertThat(said(pair, true, Arrays.copyOf(change, length)))
                        .as("cut at byte %d of %d", length, change.length)
                        .contains("broke off");
                assertThat(plug.made.get()).isLessThanOrEqualTo(1);
            }
        }
    }
}
