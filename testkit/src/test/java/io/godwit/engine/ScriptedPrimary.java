// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.memory.RamBlock;
import io.godwit.stream.ColoDevices;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.GlobalState;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamWriter;
import io.godwit.testkit.guest.CountingGuest;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.UUID;

/** A primary by hand. It says what a test tells it to say. One thread. */
final class ScriptedPrimary implements AutoCloseable {
    private static final int SECTION = 1;
    private static final int PATIENCE_MILLIS = 20_000;
    private static final List<RamBlockEntry> BLOCKS =
            List.of(RamBlockEntry.withPages(CountingGuest.BLOCK, CountingGuest.RAM_BYTES, RamBlock.PAGE_BYTES));

    private final Socket socket;
    private final DataInputStream in;
    private final boolean compares;
    private final PageRecordWriter writer = new PageRecordWriter(BLOCKS);

    /** With {@code compares} it asks for the connection that {@link #compare} opens. */
    ScriptedPrimary(String address, boolean compares) throws IOException {
        this.compares = compares;
        int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(PATIENCE_MILLIS);
        in = new DataInputStream(socket.getInputStream());
    }

    /** The whole stream: these words at the begins of these pages, zeros elsewhere, and this register. */
    void sendStream(UUID identity, Map<Integer, Long> words, long register) throws IOException {
        Configuration configuration = configuration().withUuid(identity);
        ByteBuffer out = ByteBuffer.allocate(1 << 20);
        int _ = StreamWriter.header(out);
        int _ = StreamWriter.configuration(out, configuration);
        int _ = StreamWriter.command(out, new Command.OpenReturnPath());
        int _ = StreamWriter.command(out, Extension.TOKEN.ask());
        if (compares) {
            int _ = StreamWriter.command(out, Extension.COMPARE.ask());
        }
        int _ = StreamWriter.command(out, new Command.EnableColo());
        int _ = StreamWriter.ramSetup(out, SECTION, BLOCKS);
        int _ = StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.END, SECTION));
        for (int page = 0; page < CountingGuest.PAGES; page++) {
            record(out, page, words.getOrDefault(page, 0L));
        }
        int _ = StreamWriter.endOfRamSection(out, SECTION);
        out.put(StreamWriter.tail(configuration, 2, devices(register)));
        send(bytes(out));
        // The answer to each question, and its echo.
        in.skipNBytes((compares ? 4L : 2L) * new ReturnPathMessage.Pong(0).byteLength());
    }

    /** Opens the compare connection and says this; what the secondary says there is not read. */
    Socket compare(UUID guest, byte[] frames) throws IOException {
        Socket opened = new Socket(socket.getInetAddress(), socket.getPort());
        ByteBuffer greeting = ByteBuffer.allocate(4 + 16 + 16 + 4).putInt(0x4757434f);
        for (UUID one : List.of(guest, UUID.randomUUID())) {
            greeting.putLong(one.getMostSignificantBits()).putLong(one.getLeastSignificantBits());
        }
        opened.getOutputStream().write(joined(greeting.putInt(60_000).array(), frames));
        return opened;
    }

    private static Configuration configuration() {
        return Configuration.of(CountingGuest.MACHINE);
    }

    private static List<DeviceSection> devices(long register) {
        return List.of(CountingGuest.register(register), new GlobalState("running", false).toSection());
    }

    private void record(ByteBuffer out, int page, long word) {
        long offset = page * (long) RamBlock.PAGE_BYTES;
        if (word == 0) {
            int _ = writer.zeroPage(out, 0, offset);
        } else {
            int _ = writer.pageHeader(out, 0, offset);
            out.put(ByteBuffer.allocate(RamBlock.PAGE_BYTES).putLong(0, word));
        }
    }

    private static byte[] bytes(ByteBuffer filled) {
        byte[] bytes = new byte[filled.flip().remaining()];
        filled.get(bytes);
        return bytes;
    }

    void send(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
    }

    /** The next word of the secondary. */
    ColoMessage hear() throws IOException {
        byte[] word = in.readNBytes(ColoMessage.BYTES);
        return ColoMessage.take(ByteBuffer.wrap(word), 0);
    }

    /** Nothing more comes; what was sent arrives. */
    void hangUp() throws IOException {
        socket.shutdownOutput();
    }

    /** Whether the secondary hangs up, whatever it says before. */
    boolean hearsEnd() {
        try {
            while (in.read() >= 0) {
                // Words of before the end.
            }
            return true;
        } catch (IOException e) {
            return !(e instanceof SocketTimeoutException);
        }
    }

    /** REQUEST, SEND and the memory with its end mark. */
    byte[] memory(SortedMap<Integer, Long> words) {
        ByteBuffer out = ByteBuffer.allocate(1 << 20);
        ColoMessage.CHECKPOINT_REQUEST.encode(out);
        ColoMessage.VMSTATE_SEND.encode(out);
        int _ = StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.PART, SECTION));
        words.forEach((page, word) -> record(out, page, word));
        int _ = StreamWriter.endOfRamSection(out, SECTION);
        int _ = StreamWriter.sectionHeader(out, SectionHeader.ram(SectionKind.END, SECTION));
        int _ = StreamWriter.endOfRamSection(out, SECTION);
        int _ = StreamWriter.endOfStream(out);
        return bytes(out);
    }

    /** SIZE and the devices, with a vmdesc. */
    static byte[] deviceBytes(long register) {
        return deviceBytes(ColoDevices.encode(configuration(), 2, devices(register), true));
    }

    /** SIZE and these bytes as devices. */
    static byte[] deviceBytes(ByteBuffer devices) {
        ByteBuffer out = ByteBuffer.allocate(1 << 16);
        ColoMessage.VMSTATE_SIZE.encode(out);
        return bytes(out.putLong(devices.remaining()).put(devices));
    }

    /** A whole checkpoint. */
    byte[] checkpoint(SortedMap<Integer, Long> words, long register) {
        return joined(memory(words), deviceBytes(register));
    }

    static byte[] joined(byte[] one, byte[] other) {
        return ByteBuffer.allocate(one.length + other.length)
                .put(one)
                .put(other)
                .array();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
