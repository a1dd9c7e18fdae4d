// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.linux.io.IoVector;
import io.godwit.linux.memory.NativeMemory;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/** A connection of the simulated network: two pipes that break together. */
final class SimulatedConnection {
    /** LIMIT: what travels in one packet. */
    static final int CHUNK_BYTES = 16 << 10;

    private static final long MICRO = 1_000;

    private final Baton baton;
    private final Misfortune misfortune;
    private final NativeMemory scratch;
    private final Pipe forth;
    private final Pipe back;
    /** Hears of what happens to the accepted end, until it is known what the connection is for. */
    private final Consumer<Channel> door;

    private Optional<Channel> accepted = Optional.empty();

    private boolean broken;
    private boolean stalled;
    private int writes;

    /**
     * A connection that is whole.
     *
     * @param door hears of what happens to the accepted end
     * @param scratch at least {@link #CHUNK_BYTES} for who has the baton
     */
    SimulatedConnection(
            Baton baton,
            String name,
            NetworkShape shape,
            Misfortune misfortune,
            Consumer<Channel> door,
            NativeMemory scratch) {
        this.baton = baton;
        this.scratch = scratch;
        this.door = door;
        this.misfortune = misfortune;
        this.forth = shape.pipe("the bytes of " + name);
        this.back = shape.pipe("the answers of " + name);
    }

    /** The end of who opened it. */
    Channel opener(String peer, Duration stall, AbortSignal abort) {
        return new End(back, forth, peer, stall, abort, false);
    }

    /** The end of who accepted it, with an abort signal of its own. */
    Channel accepter(String peer, Duration stall) {
        Channel end = new End(forth, back, peer, stall, new AbortSignal(), true);
        accepted = Optional.of(end);
        return end;
    }

    /** When the next bytes arrive at an accepter; {@link Turn#NEVER} if none are on their way. */
    static long nextArrivalNanos(Channel accepter) {
        return accepter instanceof End end ? end.in.nextArrivalNanos() : Turn.NEVER;
    }

    /** Nobody will accept it any more. */
    void refuse() {
        broken = true;
        baton.wakeAll(forth);
        baton.wakeAll(back);
        accepted.ifPresent(door);
    }

    /** Both ends notice; what is on its way arrives or not, as the seed chooses. */
    private void breakNow() {
        broken = true;
        baton.note("cut", forth.sent());
        if (baton.random().nextBoolean()) {
            forth.lose();
        }
        if (baton.random().nextBoolean()) {
            back.lose();
        }
        baton.wakeAll(forth);
        baton.wakeAll(back);
        accepted.ifPresent(door);
    }

    /** Before bytes are sent: how many of these may be. */
    private int survive(Pipe pipe, int wanted) {
        if (misfortune.fault() == Fault.STALL && !stalled && forth.sent() > 0) {
            stalled = true;
            baton.note("stall", misfortune.amount());
            forth.holdUp(baton.nanoTime() + misfortune.amount() * MICRO);
            back.holdUp(baton.nanoTime() + misfortune.amount() * MICRO);
        }
        boolean counted = misfortune.fault() == (pipe == forth ? Fault.CUT_AFTER_BYTES : Fault.CUT_BACK_AFTER_BYTES);
        if (!counted) {
            return wanted;
        }
        if (pipe.sent() >= misfortune.amount()) {
            breakNow();
        }
        return (int) Math.min(wanted, misfortune.amount() - pipe.sent());
    }

    private final class End implements Channel {
        private final Pipe in;
        private final Pipe out;
        private final String peer;
        private final long stallNanos;
        private final AbortSignal abort;
        private final byte[] sending = new byte[CHUNK_BYTES];
        private final byte[] reading = new byte[CHUNK_BYTES];
        private final boolean closesAbort;
        private boolean closed;

        End(Pipe in, Pipe out, String peer, Duration stall, AbortSignal abort, boolean closesAbort) {
            this.in = in;
            this.out = out;
            this.peer = peer;
            this.stallNanos = stall.toNanos();
            this.abort = abort;
            this.closesAbort = closesAbort;
            var _ = abort.onRaise(this::wake);
        }

        private void wake() {
            baton.wakeAll(in);
            baton.wakeAll(out);
            baton.wakeAll(this);
            accepted.ifPresent(door);
        }

        @Override
        public void write(IoVector vector) {
            beginWrite();
            while (vector.remainingBytes() > 0) {
                int room = awaitRoom((int) Math.min(CHUNK_BYTES, vector.remainingBytes()));
                int drained = vector.drainTo(scratch, 0, room);
                scratch.copyTo(0, sending, 0, drained);
                send(drained);
            }
        }

        @Override
        public void write(NativeMemory memory, long offset, int length) {
            beginWrite();
            int done = 0;
            while (done < length) {
                int room = awaitRoom(Math.min(CHUNK_BYTES, length - done));
                memory.copyTo(offset + done, sending, 0, room);
                send(room);
                done += room;
            }
        }

        private void beginWrite() {
            baton.mayPass();
            writes++;
            if (misfortune.strikes(Fault.CUT_AT_WRITE, writes) && !broken) {
                breakNow();
            }
        }

        private int awaitRoom(int wanted) {
            while (true) {
                checkWriting();
                int allowed = survive(out, Math.min(wanted, out.room()));
                checkWriting();
                if (allowed > 0) {
                    return allowed;
                }
                if (!baton.await(out, stallNanos)) {
                    throw new MigrationException.Transport(
                            peer + " took no byte for " + stallNanos / 1_000_000 + " ms");
                }
            }
        }

        private void send(int length) {
            baton.note("sends", length);
            out.send(sending, length, baton.nanoTime());
            baton.wakeAll(out);
            accepted.ifPresent(door);
        }

        private void checkWriting() {
            checkAbort();
            if (broken || closed || out.isGivenUp()) {
                throw new MigrationException.Transport(
                        "writing to " + peer + ": " + (broken ? "the simulated wire is cut" : "nobody reads any more"));
            }
        }

        private void checkReading() {
            checkAbort();
            if (closed || (broken && in.nextArrivalNanos() == Turn.NEVER)) {
                throw new MigrationException.Transport("reading from " + peer + ": the simulated wire is cut");
            }
        }

        private void checkAbort() {
            if (abort.isRaised()) {
                throw new MigrationException.Transport(abort.reason());
            }
        }

        @Override
        public int read(NativeMemory memory, long offset, int length, long timeoutNanos) {
            long until = timeoutNanos == FOREVER_NANOS ? Turn.NEVER : baton.nanoTime() + timeoutNanos;
            while (true) {
                checkReading();
                int count = in.take(reading, Math.min(length, CHUNK_BYTES), baton.nanoTime());
                if (count > 0) {
                    memory.copyFrom(offset, reading, 0, count);
                    baton.note("reads", count);
                    baton.wakeAll(in);
                    return count;
                }
                if (in.isDrained()) {
                    return -1;
                }
                long now = baton.nanoTime();
                if (now >= until) {
                    return 0;
                }
                boolean _ = baton.await(in, Math.min(until, in.nextArrivalNanos()) - now);
            }
        }

        @Override
        public void pause(long nanos) {
            checkAbort();
            boolean _ = baton.await(this, nanos);
            checkAbort();
        }

        @Override
        public void abort(String reason) {
            abort.raise(reason);
        }

        @Override
        public boolean isBidirectional() {
            return true;
        }

        @Override
        public String peer() {
            return peer;
        }

        @Override
        public void finish() {
            // A connection can answer, so its peer says when it is done.
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                out.end();
                in.giveUp();
                wake();
                if (closesAbort) {
                    abort.close();
                }
            }
        }

        @Override
        public String toString() {
            return "a pause on " + peer;
        }
    }
}
