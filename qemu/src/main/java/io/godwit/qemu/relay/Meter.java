// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.relay;

import io.godwit.stream.Command;
import io.godwit.stream.PreemptChannelReader;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathListener;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.ReturnPathReader;
import io.godwit.stream.StreamLimits;
import io.godwit.stream.StreamListener;
import io.godwit.stream.StreamReader;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Counts what passes in one migration, over all of its connections. Threads: any. */
final class Meter {
    /** The first byte of a stream that goes on after a break: a command comes at once. */
    private static final int COMMAND = 8;

    private static final int MAGIC = 0x5145564d;

    /** LIMIT: notes, one for each connection's direction, of a peer that connects again and again. */
    private static final int MAX_NOTES = 16;

    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger open = new AtomicInteger();
    private final AtomicLong forwardBytes = new AtomicLong();
    private final AtomicLong backBytes = new AtomicLong();
    private final AtomicLong pages = new AtomicLong();
    private final AtomicLong zeroPages = new AtomicLong();
    private final AtomicLong preemptPages = new AtomicLong();
    private final AtomicLong requests = new AtomicLong();
    private final List<String> notes = new CopyOnWriteArrayList<>();
    private final StreamReader main = new StreamReader(new MainListener(), StreamLimits.DEFAULT);
    private volatile List<RamBlockEntry> blocks = List.of();
    private volatile boolean packaged;
    private volatile boolean resumed;
    private volatile boolean complete;
    private volatile String lastWord = "";
    private volatile String firstEnd = "";

    private final class MainListener implements StreamListener {
        @Override
        public void ramBlocks(List<RamBlockEntry> list) {
            blocks = list;
        }

        @Override
        public void command(Command command) {
            packaged |= command instanceof Command.Packaged;
        }

        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
            long _ = pages.incrementAndGet();
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            long _ = zeroPages.incrementAndGet();
        }

        @Override
        public void encodedPage(int blockIndex, long offset, int byteLength) {
            long _ = pages.incrementAndGet();
        }

        @Override
        public void endOfStream() {
            complete = true;
        }
    }

    private final class PreemptListener implements StreamListener {
        @Override
        public void page(int blockIndex, long offset, ByteBuffer buffer, int index) {
            long _ = pages.incrementAndGet();
            long _ = preemptPages.incrementAndGet();
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            long _ = zeroPages.incrementAndGet();
            long _ = preemptPages.incrementAndGet();
        }
    }

    private final class BackListener implements ReturnPathListener {
        @Override
        public void message(ReturnPathMessage message) {
            lastWord = words(message);
        }

        @Override
        public void pageRequest(int blockIndex, long offset, long byteLength) {
            long _ = requests.incrementAndGet();
        }
    }

    /** The blocks are known before the first request, but not before the first message. */
    private final class Back {
        private final ReturnPathReader reader = new ReturnPathReader(new BackListener(), List.of());
        private List<RamBlockEntry> known = List.of();

        void consume(ByteBuffer in) {
            List<RamBlockEntry> now = blocks;
            if (!now.equals(known)) {
                known = now;
                reader.blocks(now);
            }
            reader.consume(in);
        }
    }

    Meter() {
        main.allowOtherRecords();
    }

    /** A connection begins to carry something. */
    void opened() {
        int _ = connections.incrementAndGet();
        int _ = open.incrementAndGet();
    }

    void closed() {
        int _ = open.decrementAndGet();
    }

    /** One side has ended, by itself or by a fault. */
    synchronized void ended(String side) {
        if (firstEnd.isEmpty()) {
            firstEnd = side;
        }
    }

    void note(String sentence) {
        if (notes.size() < MAX_NOTES && !notes.contains(sentence)) {
            boolean _ = notes.add(sentence);
        }
    }

    void passedForward(int count) {
        long _ = forwardBytes.addAndGet(count);
    }

    void passedBack(int count) {
        long _ = backBytes.addAndGet(count);
    }

    /** Whether a connection that begins so carries requested pages only, which no limit holds up. */
    static boolean isPreempt(ByteBuffer first) {
        return first.remaining() >= 8 && first.get(first.position()) == 0;
    }

    /** What reads a connection that begins so, towards the destination. */
    Watched forward(ByteBuffer first) {
        boolean begins = first.remaining() >= 4 && first.getInt(first.position()) == MAGIC;
        if (begins && main.position() == 0) {
            return new Watched("stream", main::consume, this::note);
        }
        if (isPreempt(first) && !blocks.isEmpty()) {
            PreemptChannelReader reader = new PreemptChannelReader(new PreemptListener(), blocks);
            return new Watched("connection of requested pages", reader::consume, this::note);
        }
        if (first.get(first.position()) == COMMAND) {
            resumed = true;
            if (packaged) {
                main.resume();
                return new Watched("stream that goes on", main::consume, this::note);
            }
            return unread("stream that goes on", "its beginning went another way; it passes all the same.");
        }
        return unread("connection", "it begins as none that Godwit reads; it passes all the same.");
    }

    private Watched unread(String what, String reason) {
        return new Watched(
                what,
                _ -> {
                    throw new IllegalArgumentException(reason);
                },
                this::note);
    }

    /** What reads the way back of a connection. */
    Watched back() {
        Back back = new Back();
        return new Watched("return path", back::consume, this::note);
    }

    private static String words(ReturnPathMessage message) {
        return switch (message) {
            case ReturnPathMessage.Shut shut -> "SHUT " + shut.status();
            case ReturnPathMessage.Pong pong -> "PONG " + pong.value();
            case ReturnPathMessage.ReceivedBitmap bitmap -> "RECV_BITMAP of " + bitmap.block();
            case ReturnPathMessage.ResumeAck _ -> "RESUME_ACK";
            case ReturnPathMessage.SwitchoverAck _ -> "SWITCHOVER_ACK";
            case ReturnPathMessage.RequestPages _, ReturnPathMessage.RequestPagesOf _ -> "a request for pages";
        };
    }

    RelayFigures figures() {
        return new RelayFigures(
                connections.get(),
                open.get(),
                forwardBytes.get(),
                backBytes.get(),
                pages.get(),
                zeroPages.get(),
                preemptPages.get(),
                requests.get(),
                packaged || resumed,
                complete,
                lastWord,
                firstEnd,
                notes);
    }
}
