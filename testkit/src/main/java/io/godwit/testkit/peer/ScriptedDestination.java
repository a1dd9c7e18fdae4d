// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.peer;

import io.godwit.stream.Bytes;
import io.godwit.stream.Command;
import io.godwit.stream.PostcopyPackage;
import io.godwit.stream.PreemptChannelReader;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.SectionHeader;
import io.godwit.stream.SectionKind;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A destination of postcopy made of sockets and a script. It takes the stream in, answers PINGs unless told otherwise,
 * keeps what came and in which order, and says what a test wants it to say. It knows no token, as a QEMU.
 */
public final class ScriptedDestination implements Closeable {
    /** What a test does at a moment of the stream; called on the thread that reads. */
    public interface Script {
        /** A command was read, before a PING is answered. */
        default void command(ScriptedDestination destination, Command command) throws IOException {}

        /** A page was read. */
        default void page(ScriptedDestination destination, boolean onSecondChannel, long page) throws IOException {}

        /** The stream has ended. */
        default void end(ScriptedDestination destination) throws IOException {
            destination.say(new ReturnPathMessage.Shut(0));
        }
    }

    private final ServerSocket server = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
    private final List<Socket> sockets = Collections.synchronizedList(new ArrayList<>());
    private final List<Thread> reading = new CopyOnWriteArrayList<>();
    private final List<RamBlockEntry> blocks;
    private final Script script;
    private volatile StreamReader reader;
    private volatile Optional<Socket> main = Optional.empty();

    /** The commands and sections in order; runs of PARTs, and of DISCARDs, count once. */
    public final List<String> order = Collections.synchronizedList(new ArrayList<>());

    public final List<Long> pushedPages = Collections.synchronizedList(new ArrayList<>());
    public final List<Long> requestedPages = Collections.synchronizedList(new ArrayList<>());
    public final List<Throwable> errors = Collections.synchronizedList(new ArrayList<>());
    public final ConcurrentHashMap<Long, byte[]> contents = new ConcurrentHashMap<>();
    public final BitSet received = new BitSet();
    public final CountDownLatch packageArrived = new CountDownLatch(1);
    public final AtomicInteger twice = new AtomicInteger();
    public final List<Integer> unanswered = new ArrayList<>();
    public volatile boolean answersPings = true;
    public volatile boolean answersPackagePing = true;
    public volatile boolean inPostcopy;
    private volatile int packagePing;
    public volatile int mostRangesOfACommand;

    public ScriptedDestination(List<RamBlockEntry> blocks, Script script) throws IOException {
        this.blocks = blocks;
        this.script = script;
        this.reader = new StreamReader(new Listener(), StreamLimits.DEFAULT);
        Thread.ofVirtual().start(this::serve);
    }

    public String uri() {
        return "tcp:127.0.0.1:" + server.getLocalPort();
    }

    /**
     * The next connection is the main channel of a recovery. What was read from the old ones has been taken in when
     * this returns.
     */
    public void expectRecovery() throws InterruptedException {
        cut();
        for (Thread thread : List.copyOf(reading)) {
            thread.join();
        }
        reading.clear();
        reader.resume();
        main = Optional.empty();
    }

    public void say(ReturnPathMessage message) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(message.byteLength());
        message.encode(bytes);
        say(bytes.array());
    }

    public synchronized void say(byte[] bytes) throws IOException {
        main.orElseThrow().getOutputStream().write(bytes);
    }

    private void pong(int value) throws IOException {
        synchronized (unanswered) {
            if (answersPings) {
                say(new ReturnPathMessage.Pong(value));
            } else {
                unanswered.add(value);
            }
        }
    }

    /** Answers all PINGs that were left without an answer, and all that come. */
    public void answerAll() throws IOException {
        synchronized (unanswered) {
            answersPings = true;
            for (int value : unanswered) {
                say(new ReturnPathMessage.Pong(value));
            }
            unanswered.clear();
        }
    }

    /** As a destination does that has loaded its devices. */
    public void answerPackagePing() throws IOException {
        say(new ReturnPathMessage.Pong(packagePing));
    }

    public void request(long page) throws IOException {
        say(new ReturnPathMessage.RequestPagesOf(blocks.getFirst().idstr(), page * 4096, 4096));
    }

    public void sayWhatItHas(String block) throws IOException {
        long pages = blocks.getFirst().pageCount();
        byte[] bitmap = new byte[(int) ((pages + 63) / 64 * 8)];
        synchronized (received) {
            byte[] bits = received.toByteArray();
            System.arraycopy(bits, 0, bitmap, 0, bits.length);
        }
        say(new ReturnPathMessage.ReceivedBitmap(block, Bytes.copyOf(bitmap)));
    }

    /** Ends all connections. */
    public void cut() {
        synchronized (sockets) {
            for (Socket socket : sockets) {
                close(socket);
            }
            sockets.clear();
        }
    }

    /** Ends the second connection only. */
    public void cutSecond() {
        synchronized (sockets) {
            close(sockets.removeLast());
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // Closed is closed.
        }
    }

    private void serve() {
        try {
            while (true) {
                Socket socket = server.accept();
                socket.setTcpNoDelay(true);
                sockets.add(socket);
                if (main.isEmpty()) {
                    main = Optional.of(socket);
                    reading.add(Thread.ofVirtual().start(() -> readMain(socket)));
                } else {
                    note("second channel");
                    reading.add(Thread.ofVirtual().start(() -> readSecond(socket)));
                }
            }
        } catch (IOException e) {
            // The test is over.
        }
    }

    private void readMain(Socket socket) {
        StreamReader mine = reader;
        read(socket, mine::consume);
    }

    private void readSecond(Socket socket) {
        PreemptChannelReader second = new PreemptChannelReader(new SecondListener(), blocks);
        read(socket, second::consume);
    }

    private interface Consumer {
        void consume(ByteBuffer bytes);
    }

    private void read(Socket socket, Consumer consumer) {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        try {
            InputStream in = socket.getInputStream();
            int n = 0;
            while (n >= 0) {
                n = in.read(buffer.array(), buffer.position(), buffer.remaining());
                buffer.position(buffer.position() + Math.max(0, n)).flip();
                consumer.consume(buffer);
                buffer.compact();
            }
        } catch (IOException | UncheckedIOException e) {
            // Cut, by one side or the other.
        } catch (RuntimeException e) {
            errors.add(e);
            close(socket);
        }
    }

    private void note(String what) {
        synchronized (order) {
            if (order.isEmpty() || !order.getLast().equals(what)) {
                order.add(what);
            }
        }
    }

    private void take(long page, byte[] content) {
        contents.put(page, content);
        synchronized (received) {
            if (inPostcopy && received.get((int) page)) {
                twice.incrementAndGet();
            }
            received.set((int) page);
        }
    }

    private class Listener implements StreamListener {
        @Override
        public void command(Command command) {
            try {
                note(command);
                script.command(ScriptedDestination.this, command);
                if (command instanceof Command.Ping(int value)) {
                    pong(value);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private void note(Command command) throws IOException {
            switch (command) {
                case Command.PostcopyRamDiscard(String _, List<Command.Range> ranges) -> {
                    mostRangesOfACommand = Math.max(mostRangesOfACommand, ranges.size());
                    discard(ranges);
                    ScriptedDestination.this.note("DISCARD");
                }
                case Command.Packaged(Bytes blob) -> {
                    PostcopyPackage decoded = PostcopyPackage.decode(blob, StreamLimits.DEFAULT);
                    inPostcopy = true;
                    ScriptedDestination.this.note("PACKAGED");
                    packageArrived.countDown();
                    packagePing = decoded.pings().getLast();
                    if (answersPackagePing) {
                        answerPackagePing();
                    }
                }
                case Command.Ping(int value) ->
                    ScriptedDestination.this.note(value >>> 28 == 2 ? "window PING" : "PING");
                case Command.OpenReturnPath _,
                        Command.PostcopyAdvise _,
                        Command.PostcopyListen _,
                        Command.PostcopyRun _,
                        Command.EnableColo _,
                        Command.PostcopyResume _,
                        Command.ReceivedBitmap _,
                        Command.SwitchoverStart _ ->
                    ScriptedDestination.this.note(command.getClass().getSimpleName());
            }
        }

        private void discard(List<Command.Range> ranges) {
            synchronized (received) {
                for (Command.Range range : ranges) {
                    int first = (int) (range.start() / 4096);
                    received.clear(first, first + (int) (range.byteLength() / 4096));
                }
            }
        }

        @Override
        public void sectionStart(SectionHeader section) {
            ScriptedDestination.this.note(section.kind() == SectionKind.PART ? "PART" : section.kind() + " ram");
        }

        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
            byte[] content = new byte[4096];
            buffer.get(index, content);
            arrived(offset / 4096, content);
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            arrived(offset / 4096, new byte[4096]);
        }

        void arrived(long page, byte[] content) {
            if (inPostcopy) {
                pushedPages.add(page);
            }
            take(page, content);
            told(page, false);
        }

        void told(long page, boolean onSecondChannel) {
            try {
                script.page(ScriptedDestination.this, onSecondChannel, page);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void endOfStream() {
            ScriptedDestination.this.note("EOF");
            try {
                script.end(ScriptedDestination.this);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private final class SecondListener extends Listener {
        @Override
        void arrived(long page, byte[] content) {
            requestedPages.add(page);
            take(page, content);
            told(page, true);
        }
    }

    public void awaitPackage() throws InterruptedException {
        if (!packageArrived.await(60, TimeUnit.SECONDS)) {
            throw new AssertionError("the package did not arrive; so far: " + order + ", errors " + errors);
        }
    }

    @Override
    public void close() throws IOException {
        cut();
        server.close();
    }
}
