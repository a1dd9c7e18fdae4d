// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * One side of the connection of {@link CompareWire}: sends what it is given, in order, and a beat when there is nothing
 * else; hands over what comes; and says once when the other side is lost, because the connection broke or nothing came
 * for too long.
 *
 * <p>Threads: {@link #request} and {@link #answer} any, they leave it and go; {@code mig-mirror} writes, {@code
 * mig-compare} reads.
 */
public final class CompareConnection implements AutoCloseable {
    /** Hears the other side, on {@code mig-compare}. */
    public interface Listener {
        /** The primary's guest gets this. */
        void request(long number, byte[] content);

        /** The other guest has said this, after so many checkpoints. */
        void answer(long generation, long number, byte[] content);

        /** Nothing more comes; said once, and not after {@link CompareConnection#close}. */
        void lost(MigrationException.Transport why);
    }

    private static final int BUFFER_BYTES = CompareWire.MAX_CONTENT_BYTES + CompareWire.HEAD_BYTES;

    /** LIMIT: what may wait to be sent; who has more to say than the other side takes is slowed down by that. */
    private static final long MAX_QUEUED_BYTES = 8L << 20;

    /** A beat is due so many times within the time that a side may be silent. */
    private static final int BEATS_WITHIN_TIMEOUT = 5;

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Frame(byte type, long generation, long number, byte[] content) {}

    private final Channel channel;
    private final Listener listener;
    private final MonotonicClock clock;
    private final long timeoutNanos;
    private final Lock lock;
    private final Condition changed;
    private final Deque<Frame> queue = new ArrayDeque<>();
    private final NativeMemory in = NativeMemory.allocate(BUFFER_BYTES);
    private final NativeMemory out = NativeMemory.allocate(BUFFER_BYTES);
    private Optional<Worker> reader = Optional.empty();
    private Optional<Worker> writer = Optional.empty();
    private long queuedBytes;
    private boolean ended;

    /** Takes over a channel whose greeting was sent or read. */
    public CompareConnection(Channel channel, Listener listener, long timeoutMillis, Environment environment) {
        this.channel = channel;
        this.listener = listener;
        this.clock = environment.clock();
        this.timeoutNanos = timeoutMillis * 1_000_000;
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
    }

    /** Says who is the primary; before {@link #start}. */
    public static void greet(Channel channel, CompareWire.Greeting greeting) {
        try (NativeMemory memory = NativeMemory.allocate(CompareWire.Greeting.BYTES)) {
            greeting.encode(memory.buffer(0, CompareWire.Greeting.BYTES));
            channel.write(memory, 0, CompareWire.Greeting.BYTES);
        }
    }

    /**
     * Reads what the primary says first.
     *
     * @throws MigrationException.Transport if it does not say it in time
     */
    public static CompareWire.Greeting readGreeting(Channel channel, long patienceNanos) {
        try (NativeMemory memory = NativeMemory.allocate(CompareWire.Greeting.BYTES)) {
            int filled = 0;
            while (filled < CompareWire.Greeting.BYTES) {
                int n = channel.read(memory, filled, CompareWire.Greeting.BYTES - filled, patienceNanos);
                if (n <= 0) {
                    throw new MigrationException.Transport(
                            "the primary opened the compare connection and did not say for which guest");
                }
                filled += n;
            }
            return CompareWire.Greeting.decode(memory.buffer(0, CompareWire.Greeting.BYTES));
        }
    }

    /** Begins. */
    public void start(Environment environment) {
        reader = Optional.of(environment.start(ThreadRole.COMPARE, this::read));
        writer = Optional.of(environment.start(ThreadRole.MIRROR, this::write));
    }

    /** Tells the other side what the guest gets. */
    public void request(long number, byte[] content) {
        add(new Frame(CompareWire.REQUEST, 0, number, content));
    }

    /** Tells the other side what the guest has said after so many checkpoints. */
    public void answer(long generation, long number, byte[] content) {
        add(new Frame(CompareWire.ANSWER, generation, number, content));
    }

    private void add(Frame frame) {
        if (frame.content().length > CompareWire.MAX_CONTENT_BYTES) {
            throw new IllegalArgumentException("a request or an answer has at most " + CompareWire.MAX_CONTENT_BYTES
                    + " bytes, this one has " + frame.content().length);
        }
        lock.lock();
        try {
            // LIMIT: bounded by the wait of whoever speaks; a connection that takes nothing is lost soon.
            while (queuedBytes > MAX_QUEUED_BYTES && !ended) {
                changed.awaitUninterruptibly();
            }
            if (!ended) {
                queue.add(frame);
                queuedBytes += frame.content().length;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    private void write() {
        try {
            long beats = 0;
            while (true) {
                Frame next = awaitFrame(timeoutNanos / BEATS_WITHIN_TIMEOUT)
                        .orElse(new Frame(CompareWire.BEAT, 0, beats, new byte[0]));
                if (hasEnded()) {
                    return;
                }
                beats++;
                ByteBuffer buffer = out.buffer(0, BUFFER_BYTES);
                put(buffer, next);
                // Who waits in line goes along: one system call for many.
                Optional<Frame> more = takeFitting(buffer.remaining());
                while (more.isPresent()) {
                    put(buffer, more.get());
                    more = takeFitting(buffer.remaining());
                }
                channel.write(out, 0, buffer.position());
            }
        } catch (RuntimeException | Error e) {
            end(e);
        }
    }

    private static void put(ByteBuffer buffer, Frame frame) {
        CompareWire.encodeHead(buffer, frame.type(), frame.generation(), frame.number(), frame.content().length);
        buffer.put(frame.content());
    }

    private Optional<Frame> awaitFrame(long nanos) {
        lock.lock();
        try {
            long left = nanos;
            while (queue.isEmpty() && !ended && left > 0) {
                left = changed.awaitNanos(left);
            }
            return take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        } finally {
            lock.unlock();
        }
    }

    private Optional<Frame> takeFitting(int room) {
        lock.lock();
        try {
            Frame next = queue.peek();
            return next != null && CompareWire.HEAD_BYTES + next.content().length <= room ? take() : Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    private Optional<Frame> take() {
        Optional<Frame> next = Optional.ofNullable(queue.poll());
        next.ifPresent(frame -> {
            queuedBytes -= frame.content().length;
            changed.signalAll();
        });
        return next;
    }

    private void read() {
        try {
            ByteBuffer buffer = in.buffer(0, BUFFER_BYTES);
            long heardNanos = clock.nanoTime();
            while (!hasEnded()) {
                long left = heardNanos + timeoutNanos - clock.nanoTime();
                // What lies there already counts, however late this thread comes.
                int n = channel.read(in, buffer.position(), buffer.remaining(), Math.max(0, left));
                if (n == 0) {
                    throw new MigrationException.Transport(
                            channel.peer() + " has said nothing for " + timeoutNanos / 1_000_000 + " ms");
                }
                if (n < 0) {
                    throw new MigrationException.Transport(channel.peer() + " closed the compare connection");
                }
                heardNanos = clock.nanoTime();
                buffer.position(buffer.position() + n).flip();
                while (frame(buffer)) {}
                buffer.compact();
                channel.acknowledgeAtOnce();
            }
        } catch (RuntimeException | Error e) {
            end(e);
        }
    }

    private boolean frame(ByteBuffer buffer) {
        int at = buffer.position();
        if (buffer.remaining() < CompareWire.HEAD_BYTES) {
            return false;
        }
        byte type = buffer.get(at);
        int length = buffer.getInt(at + CompareWire.HEAD_BYTES - Integer.BYTES);
        if (type < CompareWire.BEAT || type > CompareWire.ANSWER) {
            throw new MigrationException.Protocol(channel.peer() + " sent a frame of unknown type " + type);
        }
        if (length < 0 || length > CompareWire.MAX_CONTENT_BYTES) {
            throw new MigrationException.Protocol(channel.peer() + " sent a frame of "
                    + Integer.toUnsignedString(length) + " bytes; the most are " + CompareWire.MAX_CONTENT_BYTES);
        }
        if (buffer.remaining() < CompareWire.HEAD_BYTES + length) {
            return false;
        }
        byte[] content = new byte[length];
        buffer.get(at + CompareWire.HEAD_BYTES, content);
        buffer.position(at + CompareWire.HEAD_BYTES + length);
        long generation = buffer.getLong(at + 1);
        long number = buffer.getLong(at + 9);
        switch (type) {
            case CompareWire.REQUEST -> listener.request(number, content);
            case CompareWire.ANSWER -> listener.answer(generation, number, content);
            default -> {}
        }
        return true;
    }

    private boolean hasEnded() {
        lock.lock();
        try {
            return ended;
        } finally {
            lock.unlock();
        }
    }

    private void end(Throwable cause) {
        if (endOnce()) {
            channel.abort(MigrationException.sentence(cause));
            listener.lost(
                    cause instanceof MigrationException.Transport transport
                            ? transport
                            : new MigrationException.Transport(MigrationException.sentence(cause), cause));
        }
    }

    private boolean endOnce() {
        lock.lock();
        try {
            boolean first = !ended;
            ended = true;
            queue.clear();
            queuedBytes = 0;
            changed.signalAll();
            return first;
        } finally {
            lock.unlock();
        }
    }

    /** Ends it; waits for its threads, so not on one of them. Harmless when repeated. */
    @Override
    public void close() {
        boolean _ = endOnce();
        channel.abort("protection has ended");
        reader.ifPresent(Worker::awaitEnd);
        writer.ifPresent(Worker::awaitEnd);
        channel.close();
        in.close();
        out.close();
    }
}
