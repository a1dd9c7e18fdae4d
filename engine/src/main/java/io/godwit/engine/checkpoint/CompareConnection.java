// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.settings.MigrationParameter;
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
 * else; hands over what comes; and says once when the other side is lost, because the connection broke, nothing came
 * for too long, or nothing more can be left for it.
 *
 * <p>What it is given goes together with what follows, as long as the secondary's guest has enough before it: so many
 * requests cost few system calls and few wake-ups.
 *
 * <p>Threads: {@link #request} and {@link #answer} any, they leave it and go, and never wait; {@code mig-mirror}
 * writes, {@code mig-compare} reads.
 */
public final class CompareConnection implements AutoCloseable {
    /** Hears the other side, on {@code mig-compare}. */
    public interface Listener {
        /** The primary's guest gets this. */
        void request(long number, byte[] content);

        /** The other guest has said this, after so many checkpoints. */
        void answer(long generation, long number, byte[] content);

        /** All that has come so far was handed over. */
        void caughtUp();

        /** Nothing more comes; said once, and not after {@link CompareConnection#close}. */
        void lost(MigrationException.Transport why);
    }

    private static final int BUFFER_BYTES = CompareWire.MAX_CONTENT_BYTES + CompareWire.HEAD_BYTES;

    /** LIMIT: what may wait to be sent; a side that takes so little is lost. */
    private static final long MAX_QUEUED_BYTES = 8L << 20;

    /**
     * Requests are sent when they are this part of those that the secondary has not answered, its answers when its
     * guest has nothing more before it.
     */
    private static final int DUE_PART = 4;

    /** What is not due goes after this time. */
    private static final long MOST_DELAY_NANOS = 1_000_000;

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
    private boolean idle;
    private boolean overfull;
    private boolean ended;
    /** The last request or answer that was said here. */
    private long said;
    /** The last one of the other kind that was heard. */
    private volatile long heard;

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
            CompareWire.Greeting greeting = CompareWire.Greeting.decode(memory.buffer(0, CompareWire.Greeting.BYTES));
            if (!MigrationParameter.HEARTBEAT_TIMEOUT.isAllowed(greeting.timeoutMillis())) {
                throw new MigrationException.Protocol("the primary says that a side may be silent for "
                        + greeting.timeoutMillis() + " ms, which is no time-out");
            }
            return greeting;
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
        if (!leave(frame)) {
            // Who writes fails by that, and says that the other side is lost.
            channel.abort(channel.peer() + " takes too little: " + MAX_QUEUED_BYTES + " bytes wait for it");
        }
    }

    /** False if that is too much for a connection that has not ended. */
    private boolean leave(Frame frame) {
        lock.lock();
        try {
            overfull |= queuedBytes > MAX_QUEUED_BYTES;
            if (!ended && !overfull) {
                queue.add(frame);
                queuedBytes += bytes(frame);
                said = frame.number();
                if (idle || isDue()) {
                    changed.signal();
                }
            }
            return ended || !overfull;
        } finally {
            lock.unlock();
        }
    }

    /** Whether what waits is to be sent now; with the lock held. */
    private boolean isDue() {
        if (queue.isEmpty() || queuedBytes >= CompareWire.MAX_CONTENT_BYTES / 2) {
            return !queue.isEmpty();
        }
        long behind = Math.abs(said - heard);
        return queue.element().type() == CompareWire.REQUEST ? queue.size() >= behind / DUE_PART : behind == 0;
    }

    private void write() {
        try {
            ByteBuffer buffer = out.buffer(0, BUFFER_BYTES);
            for (long beats = 0; await(timeoutNanos / BEATS_WITHIN_TIMEOUT); beats++) {
                if (!fill(buffer.clear())) {
                    CompareWire.encodeHead(buffer, CompareWire.BEAT, 0, beats, 0);
                }
                channel.write(out, 0, buffer.position());
            }
        } catch (RuntimeException | Error e) {
            end(e);
        }
    }

    /** Waits until something is due, or for so long; false once it has ended. */
    private boolean await(long beatNanos) {
        lock.lock();
        try {
            long left = MOST_DELAY_NANOS;
            while (!isDue() && !ended && left > 0) {
                left = changed.awaitNanos(left);
            }
            left = beatNanos;
            idle = true;
            while (queue.isEmpty() && !ended && left > 0) {
                left = changed.awaitNanos(left);
            }
            idle = false;
            return !ended;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        } finally {
            lock.unlock();
        }
    }

    /** Takes what waits, as far as there is room; whether that was anything. */
    private boolean fill(ByteBuffer buffer) {
        lock.lock();
        try {
            Frame next = queue.peek();
            while (next != null && bytes(next) <= buffer.remaining()) {
                queue.remove();
                queuedBytes -= bytes(next);
                CompareWire.encodeHead(buffer, next.type(), next.generation(), next.number(), next.content().length);
                buffer.put(next.content());
                next = queue.peek();
            }
            return buffer.position() > 0;
        } finally {
            lock.unlock();
        }
    }

    private static int bytes(Frame frame) {
        return CompareWire.HEAD_BYTES + frame.content().length;
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
                listener.caughtUp();
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
            default -> {
                return true;
            }
        }
        heard = number;
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
