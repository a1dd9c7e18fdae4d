// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.transport;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * Lets the source's connections in at one address and turns everybody else away. A connection counts only when its
 * first bytes say what it is for ({@link Recognition}); until then it waits here, with a deadline and with few others.
 * There is one for each role at a time: a second source is told at once that it is too late ({@link
 * Recognition#tooLate}), and its connection ends.
 *
 * <p>Threads: {@code mig-doorman} accepts and looks; {@link #open} any, {@link #close} the owner, when nobody is in
 * {@link #open} any more.
 */
public final class Doorman implements Connections, AutoCloseable {
    /** LIMIT: connections that have not said yet what they are for; each costs two descriptors and no thread. */
    static final int MAX_WAITING = 256;

    private static final System.Logger LOG = System.getLogger(Doorman.class.getName());
    /** LIMIT: connections that are accepted before those who wait are looked at again. */
    private static final int MAX_AT_ONCE = 64;
    /** LIMIT: accepting is tried again after this time when the process can have no more descriptors. */
    private static final long ACCEPT_AGAIN_NANOS = 50_000_000;

    private final Listening listening;
    private final Recognition recognition;
    private final long patienceNanos;
    private final MonotonicClock clock;
    private final NativeMemory scratch = NativeMemory.allocate(Recognition.MAX_BYTES);
    private final List<Visitor> visitors = new ArrayList<>();
    private final TurnedAway turnedAway = new TurnedAway(LOG);
    private final Lock lock;
    private final Condition changed;
    private final Map<ConnectionRole, Visitor> arrived = new EnumMap<>(ConnectionRole.class);
    private final Map<ConnectionRole, Channel> taken = new EnumMap<>(ConnectionRole.class);
    private final Optional<Worker> thread;
    private Optional<String> ended = Optional.empty();
    private volatile int waiting;
    private long acceptAgainNanos;

    /**
     * Begins to let connections in. Where there can be one only, nobody else can come, and it is the main one.
     *
     * @param listening belongs to the doorman from now on
     * @param patience how long a connection may keep its purpose to itself
     */
    public Doorman(Listening listening, Recognition recognition, Duration patience, Environment environment) {
        this.listening = listening;
        this.recognition = recognition;
        this.patienceNanos = patience.toNanos();
        this.clock = environment.clock();
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
        this.acceptAgainNanos = clock.nanoTime();
        if (listening.takesMore()) {
            thread = Optional.of(environment.start(ThreadRole.DOORMAN, this::run));
        } else {
            thread = Optional.empty();
            listening.accept().ifPresent(only -> arrived.put(ConnectionRole.MAIN, new Visitor(only, 0, false)));
        }
    }

    @Override
    public MigrationUri address() {
        return listening.address();
    }

    @Override
    public boolean takesMore() {
        return listening.takesMore();
    }

    /** What the recognition says may have changed: those who wait are judged again. */
    public void reconsider() {
        listening.wake();
    }

    @Override
    public Channel open(ConnectionRole role, AbortSignal abort) {
        if (role != ConnectionRole.MAIN && !takesMore()) {
            throw new IllegalStateException(address() + " is one connection and takes no " + role.description());
        }
        try (AbortSignal.Hook _ = abort.onRaise(this::signalChange)) {
            lock.lock();
            try {
                while (!arrived.containsKey(role)) {
                    refuseIfEnded(abort);
                    changed.await();
                }
                refuseIfEnded(abort);
                return handOver(role, abort);
            } finally {
                lock.unlock();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new MigrationException.Transport("interrupted while waiting for the source", e);
        }
    }

    private void refuseIfEnded(AbortSignal abort) {
        if (abort.isRaised()) {
            throw new MigrationException.Transport(abort.reason());
        }
        if (ended.isPresent()) {
            throw new MigrationException.Transport(
                    "no connection can come in at " + address() + " any more: " + ended.get());
        }
    }

    private Channel handOver(ConnectionRole role, AbortSignal abort) {
        Visitor visitor = Optional.ofNullable(arrived.remove(role)).orElseThrow();
        BegunChannel channel = new BegunChannel(visitor.channel, visitor.begin(), abort, gone -> forget(role, gone));
        taken.put(role, channel);
        return channel;
    }

    private void forget(ConnectionRole role, Channel gone) {
        lock.lock();
        try {
            boolean _ = taken.remove(role, gone);
        } finally {
            lock.unlock();
        }
    }

    private void signalChange() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Lets nobody in any more, and closes what nobody has taken. Connections that were taken go on. */
    @Override
    public void close() {
        end("this side listens no longer");
        listening.wake();
        thread.ifPresent(Worker::awaitEnd);
        visitors.forEach(visitor -> visitor.channel.close());
        visitors.clear();
        arrived.values().forEach(visitor -> visitor.channel.close());
        arrived.clear();
        listening.close();
        scratch.close();
    }

    private void end(String reason) {
        lock.lock();
        try {
            ended = ended.or(() -> Optional.of(reason));
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private boolean hasEnded() {
        lock.lock();
        try {
            return ended.isPresent();
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        try {
            while (!hasEnded()) {
                acceptWaiting();
                boolean _ = visitors.removeIf(visitor -> !mayStay(visitor));
                waiting = visitors.size();
                awaitChange();
            }
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.ERROR, "the doorman at " + address() + " has failed", e);
            end(MigrationException.sentence(e));
        }
    }

    private void acceptWaiting() {
        if (!mayAccept()) {
            return;
        }
        try {
            for (int i = 0; i < MAX_AT_ONCE; i++) {
                Optional<Channel> next = listening.accept();
                if (next.isEmpty()) {
                    return;
                }
                welcome(next.get());
            }
        } catch (MigrationException.Transport e) {
            LOG.log(System.Logger.Level.WARNING, "at {0}: {1}", address(), MigrationException.sentence(e));
            acceptAgainNanos = clock.nanoTime() + ACCEPT_AGAIN_NANOS;
            // What it had is of use to the next.
            makeRoom();
        }
    }

    private boolean mayAccept() {
        return clock.nanoTime() - acceptAgainNanos >= 0;
    }

    /** A source says what it wants at once, so most are known before they have to wait. */
    private void welcome(Channel channel) {
        Visitor visitor = new Visitor(channel, clock.nanoTime(), isTaken(ConnectionRole.MAIN));
        if (mayStay(visitor)) {
            visitors.add(visitor);
            waiting = visitors.size();
            if (visitors.size() > MAX_WAITING) {
                makeRoom();
            }
        }
    }

    /**
     * Turns the oldest away. Of those who may rightly be silent one is the source's, and it cannot be told which: it is
     * one of the first after the main connection, or one of the last.
     */
    private void makeRoom() {
        visitors.stream()
                .filter(visitor -> !mayBeSilent(visitor))
                .findFirst()
                .or(() -> visitors.stream().skip(visitors.size() / 2).findFirst())
                .ifPresent(visitor -> {
                    visitors.remove(visitor);
                    turnAway(visitor, "it has not said what it wants, and others wait too");
                });
    }

    /** Whether the visitor is still one after this look. */
    private boolean mayStay(Visitor visitor) {
        String why;
        try {
            why = look(visitor);
        } catch (MigrationException.Transport e) {
            why = MigrationException.sentence(e);
        }
        if (why.isEmpty() && !visitor.admitted && isOverdue(visitor)) {
            why = "it has not said what it wants for " + patienceNanos / 1_000_000 + " ms";
        }
        if (!why.isEmpty()) {
            turnAway(visitor, why);
        }
        return why.isEmpty() && !visitor.admitted;
    }

    /** Reads and judges; returns why the visitor has to go, empty if it has not. */
    private String look(Visitor visitor) {
        int n = visitor.channel.read(scratch, 0, Recognition.MAX_BYTES - visitor.count(), 0);
        if (n < 0) {
            return "it closed the connection after " + visitor.count() + " bytes";
        }
        visitor.append(scratch.buffer(0, n), clock.nanoTime());
        if (visitor.isSilent()) {
            return "";
        }
        return switch (recognition.judge(ByteBuffer.wrap(visitor.begin()))) {
            case Recognition.Verdict.Unclear _ ->
                visitor.count() < Recognition.MAX_BYTES ? "" : "its first " + visitor.count() + " bytes say nothing";
            case Recognition.Verdict.Stranger(String why) -> why;
            case Recognition.Verdict.Known(ConnectionRole role) -> admit(visitor, role);
        };
    }

    private String admit(Visitor visitor, ConnectionRole role) {
        lock.lock();
        try {
            Optional<String> holder = holder(role);
            if (holder.isPresent()) {
                visitor.answer = recognition.tooLate(role, holder.get());
                return "this destination is taken: its " + role.description() + " is " + holder.get();
            }
            if (role != ConnectionRole.MAIN && holder(ConnectionRole.MAIN).isEmpty()) {
                return "it is a " + role.description() + " without a main connection";
            }
            visitor.admitted = true;
            arrived.put(role, visitor);
            changed.signalAll();
            return "";
        } finally {
            lock.unlock();
        }
    }

    private Optional<String> holder(ConnectionRole role) {
        return Optional.ofNullable(taken.get(role))
                .or(() -> Optional.ofNullable(arrived.get(role)).map(visitor -> visitor.channel))
                .map(Channel::peer);
    }

    /** Whether there is a connection for this role, or one that may turn out to be. */
    public boolean mayHave(ConnectionRole role) {
        return waiting > 0 || isTaken(role);
    }

    private boolean isTaken(ConnectionRole role) {
        lock.lock();
        try {
            return holder(role).isPresent();
        } finally {
            lock.unlock();
        }
    }

    private boolean isOverdue(Visitor visitor) {
        return clock.nanoTime() - visitor.sinceNanos() >= patienceNanos && !mayBeSilent(visitor);
    }

    private boolean mayBeSilent(Visitor visitor) {
        return visitor.isSilent() && visitor.hasMain && recognition.mayBeSilent() && !isTaken(ConnectionRole.PREEMPT);
    }

    private void turnAway(Visitor visitor, String why) {
        turnedAway.tell(visitor.channel.peer(), why);
        try {
            visitor.sayAnswer();
        } catch (MigrationException.Transport e) {
            LOG.log(System.Logger.Level.DEBUG, "who was turned away could not be told why", e);
        }
        visitor.channel.close();
    }

    private void awaitChange() {
        long now = clock.nanoTime();
        long timeout = mayAccept() ? Channel.FOREVER_NANOS : acceptAgainNanos - now;
        for (Visitor visitor : visitors) {
            if (!mayBeSilent(visitor)) {
                timeout = Math.min(timeout, visitor.sinceNanos() + patienceNanos - now);
            }
        }
        List<Channel> waiting =
                visitors.stream().map(visitor -> visitor.channel).toList();
        listening.await(mayAccept(), waiting, Math.max(0, timeout));
    }
}
