// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.agreement.Extension;
import io.godwit.engine.agreement.SourceSide;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.NativeException;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.Bytes;
import io.godwit.stream.RamBlockEntry;
import io.godwit.stream.ReturnPathListener;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.ReturnPathReader;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;

/**
 * What the destination says on one connection. The thread {@code mig-return-path} reads it; {@code mig-outgoing} waits
 * here for what it needs to know. Requests for pages go straight to {@link PostcopyAnswers}. WIRE: the return path's
 * messages.
 *
 * <p>A destination that fails, talks nonsense or hangs up when no verdict is expected aborts the channel, so that the
 * sender notices at once and not at its next full socket buffer.
 */
public final class ReturnPath {
    private static final int BUFFER_BYTES = 4096;
    /** LIMIT: a word that was sent before the wire broke is there within this time. */
    private static final long LAST_WORD_NANOS = 100_000_000;

    /** Hears what postcopy brings, on the thread that reads; throws what ends the connection. */
    public interface PostcopyAnswers {
        /** The destination wants pages; checked by {@link ReturnPathReader}. Nothing may be allocated here. */
        void pageRequest(int blockIndex, long offset, long byteLength, long readNanos);

        /** A PONG. */
        void pong(int value, long readNanos);
    }

    private record Begun(PostcopyAnswers answers, List<RamBlockEntry> blocks) {}

    private final Channel channel;
    private final List<RamBlockEntry> blocks;
    private final Environment environment;
    private final MonotonicClock clock;
    private final Lock lock;
    private final Condition changed;
    private Optional<Worker> thread = Optional.empty();
    private volatile Optional<Begun> postcopy = Optional.empty();
    private volatile Optional<ColoWords.Listener> colo = Optional.empty();
    private Verdict verdict = new Verdict.Silent("");
    private boolean decided;
    private int lastPong;
    private Optional<String> bitmapOf = Optional.empty();
    private Optional<Bytes> bitmap = Optional.empty();
    private boolean ackExpected;
    private boolean acknowledged;
    private boolean heard;
    private long readNanos;
    private volatile boolean awaited;
    private final SourceSide peer = new SourceSide();

    /** The way back of a connection over which these blocks are sent. */
    public ReturnPath(Channel channel, List<RamBlockEntry> blocks, Environment environment) {
        this.channel = channel;
        this.blocks = blocks;
        this.environment = environment;
        this.clock = environment.clock();
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
    }

    public void start() {
        thread = Optional.of(environment.start(ThreadRole.RETURN_PATH, this::read));
    }

    /** What the destination has agreed to on this connection. */
    public SourceSide peer() {
        return peer;
    }

    /**
     * From here on the destination may ask for pages of these blocks, which need not be those of the beginning any
     * more.
     */
    public void beginPostcopy(PostcopyAnswers answers, List<RamBlockEntry> last) {
        postcopy = Optional.of(new Begun(answers, last));
    }

    /** From here on the destination may become a secondary. Before the last byte of the stream is sent. */
    public void allowColo(ColoWords.Listener answers) {
        colo = Optional.of(answers);
    }

    /**
     * Waits until the destination has answered the PING with this value, which it does when it has taken in all that
     * was sent before.
     *
     * @throws MigrationException.Transport if it has not answered within {@code nanos}, or hung up
     */
    public void awaitPong(int value, long nanos) {
        await(() -> lastPong == value, nanos, "did not answer a PING");
    }

    /** Allows the destination to send the bitmap of what it has of this block, once. */
    public void expectBitmap(String block) {
        lock.lock();
        try {
            bitmapOf = Optional.of(block);
            bitmap = Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for the bitmap that was allowed last; errors as for {@link #awaitPong}. */
    public Bytes awaitBitmap(long nanos) {
        await(() -> bitmap.isPresent(), nanos, "did not say which pages it has");
        lock.lock();
        try {
            return bitmap.orElseThrow();
        } finally {
            lock.unlock();
        }
    }

    /** Allows the destination to acknowledge that postcopy goes on, once. */
    public void expectResumeAck() {
        lock.lock();
        try {
            ackExpected = true;
        } finally {
            lock.unlock();
        }
    }

    /** Waits for that; errors as for {@link #awaitPong}. */
    public void awaitResumeAck(long nanos) {
        await(() -> acknowledged, nanos, "did not acknowledge that postcopy goes on");
    }

    private void await(BooleanSupplier arrived, long nanos, String otherwise) {
        long left = nanos;
        lock.lock();
        try {
            while (!arrived.getAsBoolean() && !decided && left > 0) {
                left = changed.awaitNanos(left);
            }
            if (arrived.getAsBoolean()) {
                return;
            }
            throw new MigrationException.Transport(
                    decided
                            ? "the destination " + verdict.describe()
                            : "the destination " + otherwise + " within " + TimeUnit.NANOSECONDS.toMillis(nanos)
                                    + " ms");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        } finally {
            lock.unlock();
        }
    }

    /** From here on the end of the way back is a verdict, to be waited for, and no reason to stop writing at once. */
    public void expectVerdict() {
        awaited = true;
    }

    /** Waits for the destination's last word, at most for {@code nanos}. */
    public Verdict awaitVerdict(long nanos) {
        long left = nanos;
        lock.lock();
        try {
            while (!decided && left > 0) {
                left = changed.awaitNanos(left);
            }
            return decided
                    ? verdict
                    : new Verdict.Silent("gave no answer within " + TimeUnit.NANOSECONDS.toMillis(nanos) + " ms");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Verdict.Silent("was not waited for: this side is ending");
        } finally {
            lock.unlock();
        }
    }

    /** The verdict if there is one already. */
    public Verdict verdict() {
        lock.lock();
        try {
            return verdict;
        } finally {
            lock.unlock();
        }
    }

    /**
     * What to tell of a failure: a destination that refused the guest and hung up is often noticed as a broken wire
     * first, and its own word explains more.
     */
    public Throwable toldCause(Throwable cause) {
        return cause instanceof MigrationException.Transport
                ? awaitVerdict(LAST_WORD_NANOS).explain(cause)
                : cause;
    }

    /** Waits until the reading thread has ended; the channel must be aborted or at its end. */
    public void join() {
        thread.ifPresent(Worker::awaitEnd);
    }

    private void read() {
        environment.answersAtOnce();
        try (NativeMemory memory = NativeMemory.allocate(BUFFER_BYTES)) {
            ByteBuffer buffer = memory.buffer(0, BUFFER_BYTES);
            ReturnPathReader reader = new ReturnPathReader(new Listener(), blocks);
            boolean knowsLast = false;
            while (!reader.isShut()) {
                int n = channel.read(memory, buffer.position(), buffer.remaining());
                readNanos = clock.nanoTime();
                if (n < 0) {
                    decide(hungUp("closed the connection without an answer"));
                    return;
                }
                // ORDERING: behind the read. Who asks for a page has got the package, which was sent after postcopy had
                // begun here.
                Optional<Begun> begun = postcopy;
                if (!knowsLast && begun.isPresent()) {
                    reader.blocks(begun.get().blocks());
                    knowsLast = true;
                }
                buffer.position(buffer.position() + n).flip();
                if (colo.isPresent()) {
                    reader.allowColo();
                }
                reader.consume(buffer);
                if (reader.isColo()) {
                    awaited = true;
                    new ColoWords(channel, blocks, peer.agreed(Extension.WRITTEN), colo.orElseThrow())
                            .read(memory, buffer);
                    return;
                }
                buffer.compact();
                channel.acknowledgeAtOnce();
            }
        } catch (RuntimeException | Error e) {
            String why = "broke off: " + MigrationException.sentence(e);
            // Else it was not the wire: this side has ended it, or could not make sense of what came.
            decide(e.getCause() instanceof NativeException ? hungUp(why) : new Verdict.Silent(why));
        }
    }

    private Verdict hungUp(String why) {
        if (heard) {
            return new Verdict.Silent(why);
        }
        return new Verdict.TurnedAway(
                peer.reason().isEmpty()
                        ? why + "; it had not said anything, so it may have another source already, or wait for none:"
                                + " its own log says why"
                        : "turned this source away: " + peer.reason());
    }

    private final class Listener implements ReturnPathListener {
        @Override
        public void pageRequest(int blockIndex, long offset, long byteLength) {
            Optional<Begun> begun = postcopy;
            if (begun.isEmpty()) {
                throw new MigrationException.Protocol("the destination asked for " + byteLength
                        + " bytes of memory, which belongs to postcopy, and this is none");
            }
            begun.get().answers().pageRequest(blockIndex, offset, byteLength, readNanos);
        }

        @Override
        public void message(ReturnPathMessage message) {
            if (message instanceof ReturnPathMessage.Pong(int value) && peer.hearReason(value)) {
                return;
            }
            heard = true;
            switch (message) {
                case ReturnPathMessage.Shut(int status) ->
                    decide(status == 0 ? new Verdict.Accepted() : new Verdict.Rejected(status, peer.reason()));
                case ReturnPathMessage.Pong(int value) -> pong(value);
                case ReturnPathMessage.SwitchoverAck _ -> {}
                case ReturnPathMessage.ReceivedBitmap(String block, Bytes received) -> noteBitmap(block, received);
                case ReturnPathMessage.ResumeAck(int value) -> noteResumeAck(value);
                case ReturnPathMessage.RequestPages _, ReturnPathMessage.RequestPagesOf _ ->
                    throw new IllegalStateException("requests come by another way");
            }
        }
    }

    private void pong(int value) {
        if (peer.hear(value)) {
            return;
        }
        postcopy.ifPresent(begun -> begun.answers().pong(value, readNanos));
        lock.lock();
        try {
            lastPong = value;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void noteBitmap(String block, Bytes received) {
        lock.lock();
        try {
            if (!bitmapOf.equals(Optional.of(block))) {
                throw new MigrationException.Protocol("the destination sent the bitmap of RAM block '" + block + "', "
                        + bitmapOf.map(asked -> "but that of '" + asked + "' was asked for")
                                .orElse("which nobody asked for"));
            }
            bitmapOf = Optional.empty();
            bitmap = Optional.of(received);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void noteResumeAck(int value) {
        lock.lock();
        try {
            if (!ackExpected || value != 1) {
                throw new MigrationException.Protocol("the destination sent RESUME_ACK " + value
                        + (ackExpected ? ", which should be 1" : ", which nobody asked for"));
            }
            ackExpected = false;
            acknowledged = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void decide(Verdict v) {
        lock.lock();
        try {
            if (decided) {
                return;
            }
            verdict = v;
            decided = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        colo.ifPresent(answers -> answers.ended(v.describe()));
        if (!awaited) {
            channel.abort("the destination " + v.describe());
        }
    }
}
