// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.checkpoint;

import io.godwit.engine.checkpoint.CompareConnection;
import io.godwit.engine.checkpoint.CompareWire;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.Traffic;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.wire.IncomingLink;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ConnectionRole;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.Lock;
import java.util.function.LongSupplier;

/**
 * The secondary's side of the compare connection: what the primary's guest is asked goes to ours, what ours answers
 * goes to the primary, and the primary's silence ends the connection of the stream too.
 *
 * <p>Threads: {@code mig-incoming}; answers come on the guest's.
 */
final class CompareSecondary implements CompareConnection.Listener, Traffic.Peer, AutoCloseable {
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Answer(long generation, long number, byte[] content) {}

    private final IncomingPlan plan;
    private final Optional<Traffic> traffic;
    private final IncomingLink link;
    private final boolean compares;
    private final LongSupplier generation;
    private final Lock lock;
    private final Deque<Answer> early = new ArrayDeque<>();
    private Optional<CompareConnection> connection = Optional.empty();
    private volatile Optional<UUID> protection = Optional.empty();
    private Optional<Worker> opening = Optional.empty();
    private boolean closed;

    /** Nothing is opened yet; {@code generation} counts the checkpoints that were loaded. */
    CompareSecondary(IncomingPlan plan, IncomingLink link, boolean compares, LongSupplier generation) {
        this.plan = plan;
        this.traffic = plan.guest().guest().flatMap(Guest::traffic);
        this.link = link;
        this.compares = compares;
        this.generation = generation;
        this.lock = plan.environment().newLock();
    }

    /** The guest is the secondary; waits for the primary's connection, on a thread of its own. */
    void start() {
        traffic.ifPresent(one -> one.standBy(this));
        if (compares) {
            opening = Optional.of(plan.environment().start(ThreadRole.COMPARE, this::open));
        }
    }

    /** The name of the protection, once the primary has told it. */
    Optional<UUID> protection() {
        return protection;
    }

    private void open() {
        try {
            Channel channel = link.acceptFurther(ConnectionRole.COMPARE);
            try {
                open(channel);
            } catch (RuntimeException | Error e) {
                channel.close();
                throw e;
            }
        } catch (RuntimeException | Error e) {
            link.cut("the compare connection could not be opened: " + MigrationException.sentence(e));
        }
    }

    private void open(Channel channel) {
        CompareWire.Greeting greeting =
                CompareConnection.readGreeting(channel, plan.patience().toNanos());
        UUID ours = plan.guest().identity();
        if (!greeting.guest().equals(ours)) {
            throw new MigrationException.Protocol(
                    "the compare connection is for guest " + greeting.guest() + ", and this is " + ours);
        }
        protection = Optional.of(greeting.protection());
        CompareConnection opened = new CompareConnection(channel, this, greeting.timeoutMillis(), plan.environment());
        if (attach(opened)) {
            opened.start(plan.environment());
        } else {
            opened.close();
        }
    }

    private boolean attach(CompareConnection opened) {
        lock.lock();
        try {
            if (closed) {
                return false;
            }
            early.forEach(answer -> opened.answer(answer.generation(), answer.number(), answer.content()));
            early.clear();
            connection = Optional.of(opened);
            return true;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void request(long number, byte[] content) {
        traffic.ifPresent(one -> one.feed(number, content));
    }

    @Override
    public boolean answer(long number, byte[] content) {
        Optional<CompareConnection> to;
        lock.lock();
        try {
            to = connection;
            if (compares && to.isEmpty() && !closed) {
                early.add(new Answer(generation.getAsLong(), number, content));
            }
        } finally {
            lock.unlock();
        }
        to.ifPresent(one -> one.answer(generation.getAsLong(), number, content));
        return false;
    }

    @Override
    public void answer(long theirGeneration, long number, byte[] content) {
        throw new MigrationException.Protocol("the primary sent an answer, which only the secondary does");
    }

    @Override
    public void caughtUp() {
        // Each request was fed as it came.
    }

    @Override
    public void lost(MigrationException.Transport why) {
        link.cut(MigrationException.sentence(why));
    }

    @Override
    public void close() {
        Optional<CompareConnection> last;
        lock.lock();
        try {
            closed = true;
            last = connection;
            connection = Optional.empty();
        } finally {
            lock.unlock();
        }
        link.endFurther();
        opening.ifPresent(Worker::awaitEnd);
        last.ifPresent(CompareConnection::close);
    }
}
