// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.peer;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Command;
import io.godwit.stream.Configuration;
import io.godwit.stream.DeviceSection;
import io.godwit.stream.GlobalState;
import io.godwit.stream.PageRecordWriter;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathListener;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.ReturnPathReader;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamWriter;
import io.godwit.testkit.guest.CountingGuest;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The source's end of a postcopy by hand: says what the test tells it to say, and keeps what it hears. */
public final class ScriptedSource implements AutoCloseable {
    public static final int SECTION = 1;

    /** What came back. */
    public sealed interface Heard {
        record Message(ReturnPathMessage message) implements Heard {}

        record Request(int block, long offset, long byteLength) implements Heard {}

        record Ended(String how) implements Heard {}
    }

    private final Socket socket;
    private final OutputStream out;
    private final List<RamBlockEntry> blocks;
    private final PageRecordWriter pages;
    private final BlockingQueue<Heard> heard = new LinkedBlockingQueue<>();
    private final Thread listener;

    public ScriptedSource(String address, List<RamBlockEntry> blocks) throws IOException {
        URI uri = URI.create("tcp://" + address.substring("tcp:".length()));
        this.socket = new Socket(uri.getHost(), uri.getPort());
        this.socket.setTcpNoDelay(true);
        this.out = socket.getOutputStream();
        this.blocks = blocks;
        this.pages = new PageRecordWriter(blocks);
        this.listener = new Thread(this::listen, "scripted-source");
        this.listener.start();
    }

    public static ScriptedSource of(String address) throws IOException {
        return new ScriptedSource(
                address,
                List.of(RamBlockEntry.withPages(CountingGuest.BLOCK, CountingGuest.RAM_BYTES, RamBlock.PAGE_BYTES)));
    }

    private void listen() {
        ReturnPathReader reader = new ReturnPathReader(
                new ReturnPathListener() {
                    @Override
                    public void message(ReturnPathMessage message) {
                        heard.add(new Heard.Message(message));
                    }

                    @Override
                    public void pageRequest(int blockIndex, long offset, long byteLength) {
                        heard.add(new Heard.Request(blockIndex, offset, byteLength));
                    }
                },
                blocks);
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        try {
            int n = socket.getInputStream().read(buffer.array(), 0, buffer.capacity());
            while (n >= 0) {
                buffer.position(buffer.position() + n).flip();
                reader.consume(buffer);
                buffer.compact();
                n = socket.getInputStream().read(buffer.array(), buffer.position(), buffer.remaining());
            }
            heard.add(new Heard.Ended("closed"));
        } catch (IOException | StreamFormatException e) {
            heard.add(new Heard.Ended(e.toString()));
        }
    }

    /** The next thing that came back. */
    public Heard next() throws InterruptedException {
        Heard next = heard.poll(20, TimeUnit.SECONDS);
        assertThat(next).as("an answer of the destination").isNotNull();
        return next;
    }

    public ReturnPathMessage nextMessage() throws InterruptedException {
        Heard now = next();
        assertThat(now).isInstanceOf(Heard.Message.class);
        return ((Heard.Message) now).message();
    }

    /** Page requests that come meanwhile are passed over. */
    public void awaitMessage(ReturnPathMessage expected) throws InterruptedException {
        Heard now = next();
        while (!now.equals(new Heard.Message(expected))) {
            assertThat(now).as("before " + expected).isNotInstanceOf(Heard.Ended.class);
            now = next();
        }
    }

    public Heard.Request awaitRequest() throws InterruptedException {
        Heard now = next();
        while (!(now instanceof Heard.Request)) {
            assertThat(now).as("before a page request").isNotInstanceOf(Heard.Ended.class);
            now = next();
        }
        return (Heard.Request) now;
    }

    /** Waits until the destination has hung up; returns what it said before. */
    public List<Heard> untilEnd() throws InterruptedException {
        List<Heard> all = new ArrayList<>();
        Heard now = next();
        while (!(now instanceof Heard.Ended)) {
            all.add(now);
            now = next();
        }
        return all;
    }

    private void write(ByteBuffer buffer) throws IOException {
        out.write(bytes(buffer));
    }

    private static byte[] bytes(ByteBuffer filled) {
        byte[] bytes = new byte[filled.flip().remaining()];
        filled.get(bytes);
        return bytes;
    }

    private static ByteBuffer room(int bytes) {
        return ByteBuffer.allocate(bytes);
    }

    /** Everything up to the block list. */
    public void begin(UUID identity, boolean advise) throws IOException {
        header(identity);
        command(new Command.OpenReturnPath());
        command(new Command.Ping(1));
        if (advise) {
            command(new Command.PostcopyAdvise(OptionalLong.of(4096), OptionalLong.of(4096)));
        }
        blockList();
    }

    public void header(UUID identity) throws IOException {
        ByteBuffer buffer = room(StreamWriter.MAX_RECORD_BYTES);
        StreamWriter.header(buffer);
        StreamWriter.configuration(
                buffer, Configuration.of(CountingGuest.MACHINE).withUuid(identity));
        write(buffer);
    }

    public void blockList() throws IOException {
        ByteBuffer buffer = room(StreamWriter.ramBlockListBytes(blocks));
        StreamWriter.ramSetup(buffer, SECTION, blocks);
        write(buffer);
    }

    public void command(Command command) throws IOException {
        ByteBuffer buffer = room(command.byteLength() + 16);
        StreamWriter.command(buffer, command);
        write(buffer);
    }

    public void discard(long start, long byteLength) throws IOException {
        command(new Command.PostcopyRamDiscard(
                blocks.getFirst().idstr(), List.of(new Command.Range(start, byteLength))));
    }

    /** Pages of a block as they are in {@code content}, in a PART of their own. */
    public void pages(NativeMemory content, long... numbers) throws IOException {
        ByteBuffer buffer = room(64 + numbers.length * (4096 + PageRecordWriter.MAX_HEADER_BYTES));
        StreamWriter.sectionHeader(buffer, SectionHeader.ram(SectionKind.PART, SECTION));
        records(buffer, pages, content, numbers);
        StreamWriter.endOfRamSection(buffer, SECTION);
        write(buffer);
    }

    /** The same, but where the section should end stands what is no record; all in one piece. */
    public void pagesAndNonsense(NativeMemory content, long... numbers) throws IOException {
        ByteBuffer buffer = room(64 + numbers.length * (4096 + PageRecordWriter.MAX_HEADER_BYTES));
        StreamWriter.sectionHeader(buffer, SectionHeader.ram(SectionKind.PART, SECTION));
        records(buffer, pages, content, numbers);
        buffer.putLong(-1);
        write(buffer);
    }

    /** The same on a channel of their own. */
    public static void preempt(Socket channel, List<RamBlockEntry> blocks, NativeMemory content, long... numbers)
            throws IOException {
        ByteBuffer buffer = room(64 + numbers.length * (4096 + PageRecordWriter.MAX_HEADER_BYTES));
        records(buffer, new PageRecordWriter(blocks), content, numbers);
        channel.getOutputStream().write(bytes(buffer));
    }

    public List<RamBlockEntry> blocks() {
        return blocks;
    }

    private static void records(ByteBuffer buffer, PageRecordWriter writer, NativeMemory content, long... numbers) {
        byte[] page = new byte[4096];
        for (long number : numbers) {
            if (content.isZero(number * 4096, 4096)) {
                writer.zeroPage(buffer, 0, number * 4096);
            } else {
                writer.pageHeader(buffer, 0, number * 4096);
                content.copyTo(number * 4096, page, 0, 4096);
                buffer.put(page);
            }
        }
    }

    /** The package of a guest that ran. */
    public void pack(DeviceSection... devices) throws IOException {
        List<DeviceSection> sections = new ArrayList<>(List.of(devices));
        sections.add(new GlobalState("running", false).toSection());
        command(PostcopyPackage.encode(Configuration.of(CountingGuest.MACHINE), 2, sections, 3, true));
    }

    /** END of the RAM section and of the stream. */
    public void end() throws IOException {
        ByteBuffer buffer = room(256);
        StreamWriter.sectionHeader(buffer, SectionHeader.ram(SectionKind.END, SECTION));
        StreamWriter.endOfRamSection(buffer, SECTION);
        StreamWriter.endOfStream(buffer);
        write(buffer);
    }

    /** END of the RAM section, devices and vmdesc, as precopy ends. */
    public void endInPrecopy(DeviceSection... devices) throws IOException {
        ByteBuffer buffer = room(256);
        StreamWriter.sectionHeader(buffer, SectionHeader.ram(SectionKind.END, SECTION));
        StreamWriter.endOfRamSection(buffer, SECTION);
        write(buffer);
        List<DeviceSection> sections = new ArrayList<>(List.of(devices));
        sections.add(new GlobalState("running", false).toSection());
        ByteBuffer tail = StreamWriter.tail(Configuration.of(CountingGuest.MACHINE), 2, sections);
        byte[] bytes = new byte[tail.remaining()];
        tail.get(bytes);
        out.write(bytes);
    }

    public void raw(byte... bytes) throws IOException {
        out.write(bytes);
    }

    /** The connection is lost. */
    public void cut() throws IOException {
        socket.close();
    }

    @Override
    public void close() throws IOException {
        cut();
        try {
            listener.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
