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
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The blob that moves the guest: made as QEMU makes it, read with and without vmdesc, and nothing else taken for it.
 */
final class PostcopyPackageTest {
    private static final String LISTEN = "08 0004 0000";
    private static final String RUN = "08 0005 0000";
    private static final String SECTION = "04 00000000 05 74696d6572 00000000 00000002 0102030405060708 7e 00000000";

    @Test
    void blobHasItsBytes() {
        DeviceSection timer =
                new VmStateBuilder("timer", 2).u64("ticks", 0x0102030405060708L).build("timer", 0);
        Command.Packaged made = PostcopyPackage.encode(Configuration.of("none"), 0, List.of(timer), 3, false);
        String digits = LISTEN + SECTION + "08 0002 0004 00000003" + RUN;
        assertThat(made.blob()).isEqualTo(Bytes.copyOf(Recording.hex(digits)));
        ByteBuffer out = ByteBuffer.allocate(made.byteLength());
        StreamWriter.command(out, made);
        int length = Recording.hex(digits).length;
        assertThat(HexFormat.of().formatHex(out.array()))
                .isEqualTo(HexFormat.of().formatHex(Recording.hex("08 0007 0004 000000" + hexByte(length) + digits)));
    }

    private static String hexByte(int value) {
        return HexFormat.of().toHexDigits((byte) value);
    }

    @Test
    void sectionsOfAGodwitComeOutCut() {
        List<DeviceSection> devices = SampleStream.devices();
        Command.Packaged made = PostcopyPackage.encode(SampleStream.CONFIGURATION, 10, devices, 3, true);
        PostcopyPackage read = PostcopyPackage.decode(made.blob(), StreamLimits.DEFAULT);
        assertThat(read.devices()).contains(devices);
        assertThat(read.pings()).containsExactly(3);
    }

    @Test
    void sectionsOfQemuStayOneRunOfBytes() {
        List<DeviceSection> devices = SampleStream.devices();
        Command.Packaged plain = PostcopyPackage.encode(SampleStream.CONFIGURATION, 10, devices, 3, false);
        Command.Packaged described = PostcopyPackage.encode(SampleStream.CONFIGURATION, 10, devices, 3, true);
        PostcopyPackage read = PostcopyPackage.decode(plain.blob(), StreamLimits.DEFAULT);
        assertThat(read.devices()).isEmpty();
        assertThat(read.pings()).containsExactly(3);
        assertThat(read.deviceBytes())
                .isEqualTo(PostcopyPackage.decode(described.blob(), StreamLimits.DEFAULT)
                        .deviceBytes());
        assertThat(PostcopyPackage.encode(read.deviceBytes(), 3)).isEqualTo(plain);
        byte[] start =
                Arrays.copyOf(described.blob().toByteArray(), plain.blob().byteLength());
        assertThat(start)
                .as("QEMU, which stops at RUN, sees the same bytes")
                .isEqualTo(plain.blob().toByteArray());
    }

    @Test
    void pingsThatANewerQemuAddsAreFound() {
        Bytes blob =
                Bytes.copyOf(Recording.hex(LISTEN + SECTION + "08 0002 0004 00000003 08 0002 0004 00000042" + RUN));
        assertThat(PostcopyPackage.decode(blob, StreamLimits.DEFAULT))
                .isEqualTo(
                        new PostcopyPackage(Bytes.copyOf(Recording.hex(SECTION)), Optional.empty(), List.of(3, 0x42)));
    }

    @Test
    void guestWithoutDevicesMovesToo() {
        Bytes none = Bytes.copyOf(Recording.hex(LISTEN + RUN));
        assertThat(PostcopyPackage.decode(none, StreamLimits.DEFAULT))
                .isEqualTo(new PostcopyPackage(Bytes.empty(), Optional.empty(), List.of()));
        Command.Packaged described = PostcopyPackage.encode(SampleStream.CONFIGURATION, 1, List.of(), 7, true);
        assertThat(PostcopyPackage.decode(described.blob(), StreamLimits.DEFAULT))
                .isEqualTo(new PostcopyPackage(Bytes.empty(), Optional.of(List.of()), List.of(7)));
    }

    @Test
    void vmdescInsideADeviceIsNotTakenForTheOneBehindRun() {
        Command.Packaged inner =
                PostcopyPackage.encode(SampleStream.CONFIGURATION, 10, List.of(SampleStream.cpu(0)), 3, true);
        DeviceSection guest = new VmStateBuilder("nic", 1)
                .buffer("fifo", inner.blob().toByteArray())
                .build("nic", 0);
        List<DeviceSection> devices = List.of(SampleStream.cpu(1), guest);
        for (boolean described : new boolean[] {true, false}) {
            Command.Packaged made = PostcopyPackage.encode(SampleStream.CONFIGURATION, 1, devices, 3, described);
            PostcopyPackage read = PostcopyPackage.decode(made.blob(), StreamLimits.DEFAULT);
            assertThat(read.devices()).isEqualTo(described ? Optional.of(devices) : Optional.empty());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                RUN + LISTEN
                        + " | byte 0 in the blob of the packaged command: Wrong command in the blob: expected "
                        + "POSTCOPY_LISTEN, found POSTCOPY_RUN",
                SECTION + RUN
                        + " | byte 0 in the blob of the packaged command: Where the command POSTCOPY_LISTEN should "
                        + "be: expected type 0x8, found 0x4",
                "08 0007 0004 00000005" + LISTEN + " | expected POSTCOPY_LISTEN, found PACKAGED",
                LISTEN + LISTEN + RUN
                        + " | byte 5 in the blob of the packaged command: Wrong command in the blob: expected "
                        + "POSTCOPY_RUN, found POSTCOPY_LISTEN",
                LISTEN + "08 0007 0004 00000005" + RUN + " | expected POSTCOPY_RUN, found PACKAGED",
                LISTEN + "08 000c 0000" + RUN + " | expected POSTCOPY_RUN, found the unknown 12",
                LISTEN + "08 0000 0000" + RUN + " | expected POSTCOPY_RUN, found the unknown 0",
                LISTEN + RUN + "00 | 1 bytes follow POSTCOPY_RUN",
                LISTEN + RUN + SECTION + " | bytes follow POSTCOPY_RUN",
                LISTEN + SECTION + " | does not end with POSTCOPY_RUN",
                LISTEN + SECTION + LISTEN + " | does not end with POSTCOPY_RUN",
                LISTEN + SECTION + RUN + RUN + " | neither a section's footer nor a PING",
                LISTEN + SECTION + "08 0007 0004 00000005" + RUN + " | neither a section's footer nor a PING",
                LISTEN + "08 0002 0003 000000" + RUN + " | Length of the command PING: expected 4, found 3",
                "08 0004 0001 00" + RUN + " | Length of the command POSTCOPY_LISTEN: expected 0, found 1",
                LISTEN + "01 00000001" + RUN
                        + " | byte 5 in the blob of the packaged command: Where the command POSTCOPY_RUN should be: "
                        + "expected type 0x8, found 0x1",
                LISTEN + RUN + "06 00000003 7b7d | Bytes after the vmdesc's length: expected 3, found 2",
                LISTEN + RUN + "06 ffffffff 7b7d | Length of the vmdesc: expected at most",
                LISTEN + SECTION + "7d | nor with a vmdesc behind it",
                LISTEN + RUN + "06 00000002 7b7d | vmdesc"
            })
    void wrongBlobIsNamed(String digits, String message) {
        Bytes blob = Bytes.copyOf(Recording.hex(digits));
        assertThatThrownBy(() -> PostcopyPackage.decode(blob, StreamLimits.DEFAULT))
                .isInstanceOf(StreamFormatException.class)
                .hasMessageContaining(message);
    }

    @Test
    void everyTruncationIsRefused() {
        for (boolean described : new boolean[] {true, false}) {
            byte[] whole = PostcopyPackage.encode(SampleStream.CONFIGURATION, 10, SampleStream.devices(), 3, described)
                    .blob()
                    .toByteArray();
            int undescribed = PostcopyPackage.encode(SampleStream.CONFIGURATION, 10, SampleStream.devices(), 3, false)
                    .blob()
                    .byteLength();
            for (int length = 0; length < whole.length; length++) {
                if (length == undescribed) {
                    continue;
                }
                Bytes truncated = Bytes.copyOf(Arrays.copyOf(whole, length));
                assertThatThrownBy(() -> PostcopyPackage.decode(truncated, StreamLimits.DEFAULT))
                        .as("truncated to %s bytes", length)
                        .isInstanceOf(StreamFormatException.class);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12})
    void mutationsEndInFormatExceptionsOnly(long seed) {
        System.out.println("mutation seed " + seed);
        var random = new Random(seed);
        for (int i = 0; i < 4000; i++) {
            byte[] whole = PostcopyPackage.encode(
                            SampleStream.CONFIGURATION, 10, SampleStream.devices(), 3, random.nextBoolean())
                    .blob()
                    .toByteArray();
            Bytes mutated = Bytes.copyOf(HostileStreamTest.mutate(whole, random));
            Throwable thrown = catchThrowable(() -> PostcopyPackage.decode(mutated, StreamLimits.DEFAULT));
            if (thrown != null) {
                assertThat(thrown).as("seed %s, round %s", seed, i).isInstanceOf(StreamFormatException.class);
            }
        }
    }
}
