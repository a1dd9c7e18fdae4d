// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.opaque.OpaqueGuest;
import io.godwit.stream.Bytes;
import io.godwit.stream.Command;
import io.godwit.stream.PageRequestWriter;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.PreemptChannelReader;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * A destination of postcopy without userfaultfd and without an engine: it keeps what comes in ordinary memory and asks
 * for random pages that it does not have. So the wire is checked against QEMU by itself. Main channel: the test's
 * thread; preempt channel: a thread of its own.
 */
final class ScriptedDestination implements StreamListener, AutoCloseable {
    private static final int BUFFER_BYTES = 256 << 10;
    private static final int REQUESTS_AT_ONCE = 8;

    private final Random random;
    private final ServerSocketChannel listener;
    private final OpaqueGuest guest = new OpaqueGuest(1L << 30);
    private final StreamReader reader = new StreamReader(this, StreamLimits.DEFAULT);
    private final List<String> commands = new ArrayList<>();
    private final ByteBuffer answer = ByteBuffer.allocate(1 << 20);
    private List<RamBlockEntry> entries = List.of();
    private List<BitSet> received = List.of();
    private List<RamBlock> blocks = List.of();
    private Optional<PageRequestWriter> requests = Optional.empty();
    private Optional<SocketChannel> main = Optional.empty();
    private Optional<SocketChannel> preempt = Optional.empty();
    private Optional<PostcopyPackage> arrived = Optional.empty();
    private long requestedPages;
    private long pagesAfterSwitch;
    private long preemptPages;
    private long twicePages;
    private long cutAfterPages = Long.MAX_VALUE;

    ScriptedDestination(long seed) throws IOException {
        random = new Random(seed);
        listener = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    }

    String uri() throws IOException {
        return "tcp:127.0.0.1:" + ((InetSocketAddress) listener.getLocalAddress()).getPort();
    }

    /** Breaks all connections when so many pages have come after the switch. */
    synchronized void cutAfter(long pages) {
        cutAfterPages = pages;
    }

    /** Takes a stream in, from a new connection, until it is complete or was cut; false for cut. */
    boolean receive(boolean withPreempt) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        SocketChannel channel = listener.accept();
        main = Optional.of(channel);
        if (withPreempt) {
            takePreempt();
        }
        while (!reader.isComplete()) {
            if (channel.read(buffer) < 0) {
                throw new IOException("the source closed the connection after byte " + reader.position());
            }
            buffer.flip();
            reader.consume(buffer);
            buffer.compact();
            if (isCut()) {
                channel.close();
                preempt.ifPresent(ScriptedDestination::closeQuietly);
                return false;
            }
        }
        send(new ReturnPathMessage.Shut(0));
        return true;
    }

    /** Takes the second connection on a thread of its own, which ends with it. */
    private void takePreempt() {
        Thread _ = Thread.ofPlatform().daemon().name("scripted-preempt").start(() -> {
            try (SocketChannel channel = listener.accept()) {
                preempt = Optional.of(channel);
                readPreempt(channel);
            } catch (IOException | UncheckedIOException e) {
                // It was cut, or the test has ended.
            }
        });
    }

    private void readPreempt(SocketChannel channel) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        // The connection can be there before the block list, the first page cannot.
        int taken = channel.read(buffer);
        PreemptChannelReader pages = new PreemptChannelReader(new PreemptListener(), entries());
        for (; taken >= 0; taken = channel.read(buffer)) {
            buffer.flip();
            pages.consume(buffer);
            buffer.compact();
        }
        pages.endOfInput();
    }

    private synchronized List<RamBlockEntry> entries() {
        return entries;
    }

    /** Forgets what was left of the old connection. */
    void prepareRecovery() {
        reader.resume();
        synchronized (this) {
            cutAfterPages = Long.MAX_VALUE;
            requests.ifPresent(PageRequestWriter::forgetBlock);
        }
    }

    @Override
    public void ramBlocks(List<RamBlockEntry> announced) {
        guest.acceptMachine("scripted");
        guest.acceptRam(announced);
        synchronized (this) {
            entries = announced;
        }
        received = announced.stream().map(_ -> new BitSet()).toList();
        blocks = announced.stream()
                .map(entry -> guest.ram().snapshot().find(entry.idstr()).orElseThrow())
                .toList();
        requests = Optional.of(new PageRequestWriter(announced));
    }

    @Override
    public void command(Command command) {
        commands.add(command.getClass().getSimpleName());
        switch (command) {
            case Command.Ping(int value) -> send(new ReturnPathMessage.Pong(value));
            case Command.PostcopyRamDiscard discard -> discard(discard);
            case Command.Packaged(Bytes blob) -> {
                PostcopyPackage pack = PostcopyPackage.decode(blob, StreamLimits.DEFAULT);
                arrived = Optional.of(pack);
                pack.pings().forEach(ping -> send(new ReturnPathMessage.Pong(ping)));
                askForMore();
            }
            case Command.ReceivedBitmap(String block) -> sendBitmap(block);
            case Command.PostcopyResume _ -> {
                send(new ReturnPathMessage.ResumeAck(1));
                askForMore();
            }
            case Command.OpenReturnPath _,
                    Command.PostcopyAdvise _,
                    Command.PostcopyListen _,
                    Command.PostcopyRun _,
                    Command.EnableColo _,
                    Command.SwitchoverStart _ -> {}
        }
    }

    private synchronized void discard(Command.PostcopyRamDiscard discard) {
        int block = indexOf(discard.block());
        for (Command.Range range : discard.ranges()) {
            received.get(block).clear(page(range.start()), page(range.start() + range.byteLength()));
        }
    }

    private int indexOf(String block) {
        return entries.stream().map(RamBlockEntry::idstr).toList().indexOf(block);
    }

    private static int page(long offset) {
        return Math.toIntExact(offset / RamBlock.PAGE_BYTES);
    }

    /** Some random pages that are missing, in any block. */
    private synchronized void askForMore() {
        answer.clear();
        for (int i = 0; i < REQUESTS_AT_ONCE; i++) {
            int block = i == 0 ? random.nextInt(entries.size()) : 0;
            int pageCount = page(entries.get(block).usedLength());
            int missing = received.get(block).nextClearBit(random.nextInt(pageCount));
            if (missing < pageCount) {
                long offset = (long) missing * RamBlock.PAGE_BYTES;
                int _ = requests.orElseThrow().request(answer, block, offset, RamBlock.PAGE_BYTES);
                requestedPages++;
            }
        }
        write();
    }

    private synchronized void sendBitmap(String block) {
        int index = indexOf(block);
        byte[] bits = received.get(index).toByteArray();
        byte[] padded = Arrays.copyOf(bits, entries.get(index).receivedBitmapBytes());
        send(new ReturnPathMessage.ReceivedBitmap(block, Bytes.copyOf(padded)));
    }

    private synchronized void send(ReturnPathMessage message) {
        answer.clear();
        message.encode(answer);
        write();
    }

    private void write() {
        answer.flip();
        try {
            while (answer.hasRemaining()) {
                int _ = main.orElseThrow().write(answer);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
        blocks.get(blockIndex)
                .memory()
                .buffer(offset, RamBlock.PAGE_BYTES)
                .put(buffer.slice(index, RamBlock.PAGE_BYTES));
        note(blockIndex, offset);
    }

    @Override
    public void zeroPage(int blockIndex, long offset) {
        blocks.get(blockIndex).memory().fill(offset, RamBlock.PAGE_BYTES, (byte) 0);
        note(blockIndex, offset);
    }

    private synchronized void note(int blockIndex, long offset) {
        BitSet bits = received.get(blockIndex);
        if (reader.isPostcopy()) {
            pagesAfterSwitch++;
            twicePages += bits.get(page(offset)) ? 1 : 0;
            if (pagesAfterSwitch % 64 == 0) {
                askForMoreUnlessCut();
            }
        }
        bits.set(page(offset));
    }

    private void askForMoreUnlessCut() {
        if (!isCut()) {
            askForMore();
        }
    }

    private synchronized boolean isCut() {
        return pagesAfterSwitch >= cutAfterPages;
    }

    /** The blob. */
    PostcopyPackage arrived() {
        return arrived.orElseThrow();
    }

    /** Names of all commands on main channels, in order. */
    List<String> commands() {
        return commands;
    }

    synchronized long requestedPages() {
        return requestedPages;
    }

    synchronized long pagesAfterSwitch() {
        return pagesAfterSwitch;
    }

    synchronized long preemptPages() {
        return preemptPages;
    }

    /** Pages that came after the switch although they were there; QEMU promises none. */
    synchronized long twicePages() {
        return twicePages;
    }

    /** Pages of a block that never came. */
    synchronized int missingPages(String block) {
        int index = indexOf(block);
        return page(entries.get(index).usedLength()) - received.get(index).cardinality();
    }

    NativeMemory memory(String block) {
        return blocks.get(indexOf(block)).memory();
    }

    private static void closeQuietly(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            // Closed is closed.
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        main.ifPresent(ScriptedDestination::closeQuietly);
        preempt.ifPresent(ScriptedDestination::closeQuietly);
        guest.close();
    }

    /** Counts what comes on the second channel. */
    private final class PreemptListener implements StreamListener {
        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
            ScriptedDestination.this.page(blockIndex, offset, buffer, index);
            count();
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            ScriptedDestination.this.zeroPage(blockIndex, offset);
            count();
        }

        private void count() {
            synchronized (ScriptedDestination.this) {
                preemptPages++;
            }
        }
    }
}
