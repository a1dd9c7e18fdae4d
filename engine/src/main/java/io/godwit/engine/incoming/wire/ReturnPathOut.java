// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.wire;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.memory.PageBitmap;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Bytes;
import io.godwit.stream.ColoMessage;
import io.godwit.stream.PageRequestWriter;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.WrittenPages;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;

/**
 * What this side answers to the source over one connection. Silent until the source has opened the return path.
 *
 * <p>Threads: any; messages do not mix. A page request allocates nothing.
 */
public final class ReturnPathOut implements AutoCloseable {
    private static final int MESSAGE_BYTES = 1024;

    private final Channel channel;
    private final Lock lock;
    private final NativeMemory memory = NativeMemory.allocate(MESSAGE_BYTES);
    private final ByteBuffer buffer = memory.buffer(0, MESSAGE_BYTES);
    private volatile boolean open;
    private PageRequestWriter requests = new PageRequestWriter(List.of());
    private boolean closed;

    public ReturnPathOut(Channel channel, Environment environment) {
        this.lock = environment.newLock();
        this.channel = channel;
    }

    public void open() {
        open = true;
    }

    public boolean isOpen() {
        return open;
    }

    /** The blocks that requests will be for, in the order of the stream. */
    public void blocks(List<RamBlockEntry> blocks) {
        lock.lock();
        try {
            requests = new PageRequestWriter(blocks);
        } finally {
            lock.unlock();
        }
    }

    public void send(ReturnPathMessage message) {
        send(message::encode);
    }

    /**
     * Says several things in one write. What goes out piece by piece may still lie here when the channel is closed, and
     * is lost then if the source's own bytes have not been read.
     */
    public void send(List<ReturnPathMessage> messages) {
        int length = messages.stream().mapToInt(ReturnPathMessage::byteLength).sum();
        lock.lock();
        try (NativeMemory whole = NativeMemory.allocate(length)) {
            begin();
            ByteBuffer out = whole.buffer(0, length);
            messages.forEach(message -> message.encode(out));
            channel.write(whole, 0, length);
        } finally {
            lock.unlock();
        }
    }

    /** Says a word of COLO, which needs no return path. */
    public void send(ColoMessage message) {
        send(message::encode);
    }

    private void send(Consumer<ByteBuffer> message) {
        lock.lock();
        try {
            begin();
            message.accept(buffer);
            channel.write(memory, 0, buffer.position());
        } finally {
            lock.unlock();
        }
    }

    /**
     * Says that the guest stands still, and what it has written; see {@link WrittenPages}.
     *
     * @param words how many words of it there are
     */
    public void sendReply(int words, Consumer<ByteBuffer> written) {
        int length = ColoMessage.BYTES + WrittenPages.HEAD_BYTES + Math.multiplyExact(words, WrittenPages.WORD_BYTES);
        lock.lock();
        try (NativeMemory whole = NativeMemory.allocate(length)) {
            begin();
            ByteBuffer out = whole.buffer(0, length);
            ColoMessage.CHECKPOINT_REPLY.encode(out);
            WrittenPages.putHead(out, words);
            written.accept(out);
            channel.write(whole, 0, length);
        } finally {
            lock.unlock();
        }
    }

    /** Asks for one host page: the block as the stream numbers them, and where in it. */
    public void requestPage(int blockIndex, long offset, int hostPageBytes) {
        lock.lock();
        try {
            begin();
            int _ = requests.request(buffer, blockIndex, offset, hostPageBytes);
            channel.write(memory, 0, buffer.position());
        } finally {
            lock.unlock();
        }
    }

    /** Tells which pages of a block have come. */
    public void sendReceived(String idstr, PageBitmap received) {
        ByteBuffer bits = ByteBuffer.allocate(received.wireBytes());
        received.putWire(bits);
        ReturnPathMessage message = new ReturnPathMessage.ReceivedBitmap(idstr, Bytes.copyOf(bits.array()));
        int length = message.byteLength();
        lock.lock();
        try (NativeMemory whole = NativeMemory.allocate(length)) {
            begin();
            message.encode(whole.buffer(0, length));
            channel.write(whole, 0, length);
        } finally {
            lock.unlock();
        }
    }

    private void begin() {
        if (closed) {
            throw new MigrationException.Transport("the connection to the source is closed");
        }
        buffer.clear();
    }

    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            memory.close();
        } finally {
            lock.unlock();
        }
    }
}
