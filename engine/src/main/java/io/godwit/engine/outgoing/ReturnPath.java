// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import io.godwit.engine.MigrationException;
import io.godwit.engine.arbiter.TokenAnnouncement;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.ReturnPathMessage;
import io.godwit.stream.ReturnPathReader;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What the destination says. The thread {@code mig-return-path} reads it; {@code mig-outgoing} waits here for the last word. WIRE: the return
 * path's messages.
 *
 * <p>A destination that fails, talks nonsense or hangs up before the switchover aborts the channel, so that the sender notices at
 * once and not at its next full socket buffer.
 */
final class ReturnPath {
    private static final int BUFFER_BYTES = 4096;

    /** How the destination took it. */
    sealed interface Verdict {
        /** SHUT 0: it runs the guest. */
        record Accepted() implements Verdict {}

        /** SHUT with another status: it will never run the guest. */
        record Rejected(int status) implements Verdict {}

        /** The way back ended, or nonsense came, before a verdict. */
        record Silent(String why) implements Verdict {}
    }

    private final Channel channel;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Thread thread;
    private Verdict verdict = new Verdict.Silent("");
    private boolean decided;
    private int lastPong;
    private volatile boolean awaited;
    private volatile boolean peerTakesToken;

    ReturnPath(Channel channel) {
        this.channel = channel;
        this.thread = Thread.ofPlatform().name("mig-return-path").daemon().unstarted(this::read);
    }

    void start() {
        thread.start();
    }

    /** Whether the destination has said that it takes the token before it runs the guest. */
    boolean peerTakesToken() {
        return peerTakesToken;
    }

    /**
     * Waits until the destination has answered the PING with this value, which it does when it has taken in all that was sent before.
     *
     * @throws MigrationException.Transport if it has not answered within {@code nanos}, or hung up
     */
    void awaitPong(int value, long nanos) {
        long left = nanos;
        lock.lock();
        try {
            while (lastPong != value && !decided && left > 0) {
                left = changed.awaitNanos(left);
            }
            if (decided) {
                throw new MigrationException.Transport("the destination " + describe(verdict));
            }
            if (lastPong != value) {
                throw new MigrationException.Transport(
                        "the destination did not answer a PING within " + TimeUnit.NANOSECONDS.toMillis(nanos) + " ms");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("this side is ending", e);
        } finally {
            lock.unlock();
        }
    }

    /** From here on the end of the way back is a verdict, to be waited for, and no reason to stop writing at once. */
    void expectVerdict() {
        awaited = true;
    }

    /** Waits for the destination's last word, at most for {@code nanos}. */
    Verdict awaitVerdict(long nanos) {
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
    Verdict verdict() {
        lock.lock();
        try {
            return verdict;
        } finally {
            lock.unlock();
        }
    }

    /** Waits until the reading thread has ended; the channel must be aborted or at its end. */
    void join() {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void read() {
        try (NativeMemory memory = NativeMemory.allocate(BUFFER_BYTES)) {
            ByteBuffer buffer = memory.buffer(0, BUFFER_BYTES);
            ReturnPathReader reader = new ReturnPathReader(this::take);
            while (!reader.isShut()) {
                int n = channel.read(memory, buffer.position(), buffer.remaining());
                if (n < 0) {
                    decide(new Verdict.Silent("closed the connection without an answer"));
                    return;
                }
                buffer.position(buffer.position() + n).flip();
                reader.consume(buffer);
                buffer.compact();
            }
        } catch (RuntimeException | Error e) {
            decide(new Verdict.Silent("broke off: " + MigrationException.sentence(e)));
        }
    }

    private void take(ReturnPathMessage message) {
        switch (message) {
            case ReturnPathMessage.Shut(int status) ->
                decide(status == 0 ? new Verdict.Accepted() : new Verdict.Rejected(status));
            case ReturnPathMessage.Pong(int value) -> {
                switch (value) {
                    case TokenAnnouncement.ANSWER -> peerTakesToken = true;
                    case TokenAnnouncement.OTHER_TOKEN -> {}
                    default -> notePong(value);
                }
            }
            case ReturnPathMessage.SwitchoverAck _ -> {}
            case ReturnPathMessage.RequestPages _,
                    ReturnPathMessage.RequestPagesOf _,
                    ReturnPathMessage.ReceivedBitmap _,
                    ReturnPathMessage.ResumeAck _ ->
                throw new MigrationException.Protocol(
                        "the destination sent " + message + ", which belongs to postcopy, and this is none");
        }
    }

    private void notePong(int value) {
        lock.lock();
        try {
            lastPong = value;
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
        if (!awaited) {
            channel.abort("the destination " + describe(v));
        }
    }

    static String describe(Verdict verdict) {
        return switch (verdict) {
            case Verdict.Accepted _ -> "said that it runs the guest";
            case Verdict.Rejected(int status) -> "refused the guest with status " + status + "; its own log says why";
            case Verdict.Silent(String why) -> why;
        };
    }
}
