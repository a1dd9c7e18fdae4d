// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What is in the blob of {@link Command.Packaged}, with which the guest moves over in postcopy: LISTEN, every device's
 * FULL section, PINGs, RUN (WIRE 9.2). The destination takes LISTEN before the devices, answers the PINGs after them,
 * and starts the guest at RUN.
 *
 * <p>Device sections have no length of their own, and QEMU sends no vmdesc in postcopy: its sections stay one run of
 * bytes. QEMU's reader reads no byte after RUN, but the vmdesc stands there only if the peer is known to be a Godwit,
 * and then the sections come out cut.
 *
 * @param deviceBytes all FULL sections with headers and footers, as they came
 * @param devices the same, cut; absent if the blob has no vmdesc
 * @param pings values of the PINGs between the sections and RUN: one up to QEMU 10.1, a second one, 0x42, from 10.2 on
 */
public record PostcopyPackage(Bytes deviceBytes, Optional<List<DeviceSection>> devices, List<Integer> pings) {
    private static final int COMMAND_BYTES = 5;
    private static final int PING_BYTES = COMMAND_BYTES + 4;
    private static final int FOOTER_BYTES = 5;
    private static final int PING_ID = 2;
    private static final int LISTEN_ID = 4;
    private static final int RUN_ID = 5;
    private static final String[] COMMAND_NAMES = {
        "OPEN_RETURN_PATH",
        "PING",
        "POSTCOPY_ADVISE",
        "POSTCOPY_LISTEN",
        "POSTCOPY_RUN",
        "POSTCOPY_RAM_DISCARD",
        "PACKAGED",
        "ENABLE_COLO",
        "POSTCOPY_RESUME",
        "RECV_BITMAP",
        "SWITCHOVER_START"
    };

    /** Copies the lists. */
    public PostcopyPackage {
        devices = devices.map(List::copyOf);
        pings = List.copyOf(pings);
    }

    /**
     * Makes the command.
     *
     * @param configuration the stream's; the vmdesc describes it
     * @param firstSectionId number of the first device section; the others count on from it
     * @param sections all devices, {@code globalstate} included
     * @param ping value of the PING before RUN; its PONG says that the devices are loaded
     * @param withVmDescription whether the peer is a Godwit, which can cut the sections with it; must be false towards
     * QEMU
     */
    public static Command.Packaged encode(
            Configuration configuration,
            int firstSectionId,
            List<DeviceSection> sections,
            int ping,
            boolean withVmDescription) {
        int byteLength = sections.stream().mapToInt(DeviceSection::byteLength).sum();
        ByteBuffer devices = ByteBuffer.allocate(byteLength);
        int sectionId = firstSectionId;
        for (DeviceSection section : sections) {
            StreamWriter.deviceSection(devices, sectionId++, section);
        }
        String json = withVmDescription
                ? StreamWriter.describe(configuration, sections).toJson()
                : "";
        return wrap(devices.flip(), ping, json);
    }

    /** Makes the command of sections that were kept as they came, as {@link #deviceBytes} has them. Without vmdesc. */
    public static Command.Packaged encode(Bytes deviceBytes, int ping) {
        return wrap(deviceBytes.toBuffer(), ping, "");
    }

    private static Command.Packaged wrap(ByteBuffer devices, int ping, String json) {
        int tail = json.isEmpty() ? 0 : 5 + json.getBytes(StandardCharsets.UTF_8).length;
        ByteBuffer out = ByteBuffer.allocate(2 * COMMAND_BYTES + PING_BYTES + devices.remaining() + tail);
        new Command.PostcopyListen().encode(out);
        out.put(devices);
        new Command.Ping(ping).encode(out);
        new Command.PostcopyRun().encode(out);
        if (!json.isEmpty()) {
            StreamWriter.vmDescription(out, json);
        }
        return new Command.Packaged(Bytes.copyOf(out.array()));
    }

    /**
     * Reads the blob. Positions in errors count from its first byte.
     *
     * @throws StreamFormatException if it does not begin with LISTEN, does not end with RUN, or has something else
     *     between than sections and, behind them, PINGs; {@link StreamFormatException#isIncomplete()} if it merely ends
     *     too early
     */
    public static PostcopyPackage decode(Bytes blob, StreamLimits limits) {
        ByteBuffer in = blob.toBuffer();
        takeCommand(in, LISTEN_ID);
        int end = blob.byteLength();
        if (end > COMMAND_BYTES && blob.at(end - 1) == '}') {
            return cut(in, limits);
        }
        int devicesAt = in.position();
        if (in.hasRemaining() && in.get(devicesAt) != Wire.SECTION_FULL) {
            return new PostcopyPackage(Bytes.empty(), Optional.empty(), pingsAndRun(in, end));
        }
        int devicesEnd = endOfDevices(in);
        in.position(devicesEnd);
        Bytes deviceBytes = Bytes.copyOf(in, devicesAt, devicesEnd - devicesAt);
        return new PostcopyPackage(deviceBytes, Optional.empty(), pingsAndRun(in, end));
    }

    /** With the vmdesc, which begins behind the last RUN of the blob: its own text has no such bytes. */
    private static PostcopyPackage cut(ByteBuffer in, StreamLimits limits) {
        int end = in.limit();
        int runEnd = endOfLastRun(in);
        long length = Integer.toUnsignedLong(in.getInt(runEnd + 1));
        place(runEnd).requireAtMost("Length of the vmdesc", limits.maxVmDescriptionBytes(), length);
        place(runEnd).require("Bytes after the vmdesc's length", length, end - runEnd - 5L);
        byte[] json = new byte[(int) length];
        in.get(runEnd + 5, json);
        VmDescription description = VmDescription.parse(new String(json, StandardCharsets.UTF_8), place(runEnd + 5));
        int devicesAt = in.position();
        in.limit(runEnd);
        List<DeviceSection> devices = new SectionCutter(in, 0).cut(description);
        Bytes deviceBytes = Bytes.copyOf(in, devicesAt, in.position() - devicesAt);
        return new PostcopyPackage(deviceBytes, Optional.of(devices), pingsAndRun(in, runEnd));
    }

    private static int endOfLastRun(ByteBuffer in) {
        for (int at = in.limit() - COMMAND_BYTES - 5; at >= in.position(); at--) {
            if (isCommand(in, at, RUN_ID, 0) && in.get(at + COMMAND_BYTES) == Wire.VM_DESCRIPTION) {
                return at + COMMAND_BYTES;
            }
        }
        throw place(in.limit()).incomplete("the blob does not end with POSTCOPY_RUN, nor with a vmdesc behind it.");
    }

    /**
     * Looks from the end: RUN, before it any PINGs, before them a section's footer. No footer looks like a PING or the
     * other way round.
     */
    private static int endOfDevices(ByteBuffer in) {
        int at = in.limit() - COMMAND_BYTES;
        if (at < in.position() || !isCommand(in, at, RUN_ID, 0)) {
            throw place(in.limit()).incomplete("the blob does not end with POSTCOPY_RUN.");
        }
        while (at - PING_BYTES >= in.position() && isCommand(in, at - PING_BYTES, PING_ID, 4)) {
            at -= PING_BYTES;
        }
        int footer = at - FOOTER_BYTES;
        if (footer < in.position() || in.get(footer) != Wire.SECTION_FOOTER) {
            throw place(at)
                    .fail("Between the device sections and POSTCOPY_RUN is neither a section's footer nor a PING.");
        }
        return at;
    }

    private static List<Integer> pingsAndRun(ByteBuffer in, int end) {
        var pings = new ArrayList<Integer>();
        while (takeCommand(in, RUN_ID) == PING_ID) {
            pings.add(in.getInt());
        }
        if (in.position() != end) {
            throw place(in.position()).fail((end - in.position()) + " bytes follow POSTCOPY_RUN.");
        }
        return pings;
    }

    /** Takes the header of a command and returns its id, which is {@code expected}'s or, where that is RUN, PING's. */
    private static int takeCommand(ByteBuffer in, int expected) {
        String what = COMMAND_NAMES[expected - 1];
        int at = in.position();
        if (!in.hasRemaining()) {
            throw place(at).incomplete("the blob ends where " + what + " should be.");
        }
        if (in.get(at) != Wire.COMMAND) {
            throw place(at)
                    .fail(
                            "Where the command " + what + " should be",
                            "type 0x8",
                            "0x" + Integer.toHexString(Byte.toUnsignedInt(in.get(at))));
        }
        if (in.remaining() < COMMAND_BYTES) {
            throw place(at).incomplete("the blob ends in the header of a command.");
        }
        int id = Short.toUnsignedInt(in.getShort(at + 1));
        int length = Short.toUnsignedInt(in.getShort(at + 3));
        boolean pingMayCome = expected == RUN_ID && id == PING_ID;
        if (id != expected && !pingMayCome) {
            throw place(at).fail("Wrong command in the blob", what, named(id));
        }
        place(at).require("Length of the command " + named(id), id == PING_ID ? 4 : 0, length);
        if (in.remaining() < COMMAND_BYTES + length) {
            throw place(at).incomplete("the blob ends in the command " + named(id) + ".");
        }
        in.position(at + COMMAND_BYTES);
        return id;
    }

    private static String named(int id) {
        return id >= 1 && id <= COMMAND_NAMES.length ? COMMAND_NAMES[id - 1] : "the unknown " + id;
    }

    private static boolean isCommand(ByteBuffer in, int at, int id, int length) {
        return in.get(at) == Wire.COMMAND && in.getShort(at + 1) == id && in.getShort(at + 3) == length;
    }

    private static StreamPlace place(long position) {
        return new StreamPlace(position, "the blob of the packaged command");
    }
}
