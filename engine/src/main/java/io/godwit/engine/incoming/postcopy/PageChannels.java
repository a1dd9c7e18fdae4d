// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.checkpoint.CheckpointTaker;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.incoming.wire.IncomingLink;
import io.godwit.engine.incoming.wire.SourceStream;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.ChannelInput;
import io.godwit.engine.transport.ConnectionRole;
import io.godwit.stream.PreemptChannelReader;
import io.godwit.stream.StreamFormatException;
import io.godwit.stream.StreamListener;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;

/**
 * The pages of one connection: {@code mig-listen} reads the main channel, {@code mig-preempt} the second one if there
 * is one; {@code mig-epochs} sends back what the guest writes. The first error, on any thread, ends them all.
 */
public final class PageChannels {
    private static final System.Logger LOG = System.getLogger(PageChannels.class.getName());
    private static final int PREEMPT_STAGING_BYTES = 64 << 10;
    private static final long CHECK_NANOS = 5_000_000;

    private final IncomingLink link;
    private final SourceStream stream;
    private final PostcopyArrival arrival;
    private final Optional<CheckpointTaker> safety;
    private final Duration patience;
    private final Environment environment;
    private final Lock lock;
    private final Condition changed;
    private final List<Worker> furtherThreads = new ArrayList<>();
    private Optional<Worker> listenThread = Optional.empty();
    private Optional<Throwable> failure = Optional.empty();
    private boolean committed;
    private boolean mainEnded;
    private boolean ending;
    private boolean servesEpochs;
    private volatile boolean guestStarted;

    /** For one connection; {@code safety} is what sends epochs back, where that was agreed. */
    public PageChannels(
            IncomingLink link,
            SourceStream stream,
            PostcopyArrival arrival,
            Optional<CheckpointTaker> safety,
            Duration patience,
            Environment environment) {
        this.link = link;
        this.stream = stream;
        this.arrival = arrival;
        this.safety = safety;
        this.patience = patience;
        this.environment = environment;
        this.lock = environment.newLock();
        this.changed = lock.newCondition();
    }

    /** Begins to read pages; requests go out over this connection from now on. */
    public void start() {
        // The first page comes on another connection only after the first request.
        link.expectPages(arrival.entries());
        arrival.requests().attach(stream.returnPath(), this::broken);
        lock.lock();
        try {
            listenThread = Optional.of(environment.start(ThreadRole.LISTEN, this::listen));
            if (link.takesMore()) {
                serve(ConnectionRole.PREEMPT, ThreadRole.PREEMPT, this::readPreempt);
                safety.ifPresent(taker ->
                        serve(ConnectionRole.EPOCHS, ThreadRole.EPOCHS, channel -> serveEpochs(taker, channel)));
            }
        } finally {
            lock.unlock();
        }
    }

    /** The connection is of no more use. Any thread; the first reason counts. */
    public void broken(Throwable cause) {
        lock.lock();
        try {
            if (failure.isPresent() || ending) {
                return;
            }
            failure = Optional.of(cause);
            if (!committed) {
                // A device that is being loaded may wait for a page, which will not come.
                arrival.giveUp();
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        link.cut(MigrationException.sentence(cause));
    }

    /**
     * The guest will be let run here. From now on a lost connection costs nothing but time.
     *
     * @throws RuntimeException if it is lost already
     */
    public void commit() {
        lock.lock();
        try {
            if (failure.isPresent()) {
                throw new MigrationException.Transport(
                        "the connection was lost before the guest could run: "
                                + MigrationException.sentence(failure.get()),
                        failure.get());
            }
            committed = true;
        } finally {
            lock.unlock();
        }
    }

    /** The guest has been let run here: from now on the source may be asked to give it up for good. */
    public void guestStarted() {
        guestStarted = true;
    }

    /** The connection leads to a guest that runs already. */
    public void commitAtOnce() {
        lock.lock();
        try {
            committed = true;
            guestStarted = true;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until the source has sent everything or the connection is lost, and ends the threads.
     *
     * @param refusesHoles whether a page that has not come is an error; else it is zero
     * @return what went wrong, if anything
     */
    public Optional<Throwable> awaitEnd(boolean refusesHoles) {
        listenThread.ifPresent(Worker::awaitEnd);
        awaitPreempt(refusesHoles);
        awaitSafetyEnd();
        endFurther();
        arrival.requests().detach();
        lock.lock();
        try {
            if (failure.isEmpty() && refusesHoles && arrival.missingPages() > 0) {
                return Optional.of(new MigrationException.Protocol(
                        "the source has ended its stream, but " + arrival.missingPages() + " pages never came"));
            }
            // A request that could not be sent any more, or the preempt channel's end, does not matter when all is
            // here.
            // But while the source has not given the guest up its outputs are held, which another connection must end.
            boolean safetyOver = safety.map(CheckpointTaker::hasEnded).orElse(true);
            return mainEnded && arrival.missingPages() == 0 && safetyOver ? Optional.empty() : failure;
        } finally {
            lock.unlock();
        }
    }

    /** Ends the threads without waiting for pages. */
    public void end(String reason) {
        lock.lock();
        try {
            ending = true;
        } finally {
            lock.unlock();
        }
        link.cut(reason);
        listenThread.ifPresent(Worker::awaitEnd);
        endFurther();
        arrival.requests().detach();
    }

    /** The end of the main channel may overtake pages that are on their way on the other one. */
    private void awaitPreempt(boolean refusesHoles) {
        long deadline = environment.clock().nanoTime() + patience.toNanos();
        lock.lock();
        try {
            while (failure.isEmpty()
                    && link.mayBringPages()
                    && (refusesHoles ? arrival.missingPages() > 0 : !arrival.nobodyWaits())
                    && environment.clock().nanoTime() - deadline < 0) {
                long _ = changed.awaitNanos(CHECK_NANOS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
    }

    /** The source must have given the guest up before this migration ends, and the guest's outputs must flow. */
    private void awaitSafetyEnd() {
        if (safety.isEmpty()) {
            return;
        }
        CheckpointTaker taker = safety.get();
        long deadline = environment.clock().nanoTime() + patience.toNanos();
        lock.lock();
        try {
            while (failure.isEmpty() && !taker.hasEnded() && arrival.missingPages() == 0) {
                if (!servesEpochs && environment.clock().nanoTime() - deadline > 0) {
                    failure = Optional.of(
                            new MigrationException.Transport("the source has not opened the connection for epochs"));
                }
                long _ = changed.awaitNanos(CHECK_NANOS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
    }

    private void endFurther() {
        List<Worker> threads;
        lock.lock();
        try {
            ending = true;
            threads = List.copyOf(furtherThreads);
        } finally {
            lock.unlock();
        }
        link.endFurther();
        threads.forEach(Worker::awaitEnd);
    }

    private void listen() {
        try (PostcopyPlacer placer = arrival.newPushPlacer()) {
            stream.receivePages(placer, placer::readAt);
            lock.lock();
            try {
                mainEnded = true;
            } finally {
                lock.unlock();
            }
        } catch (RuntimeException | Error e) {
            broken(e);
        }
    }

    /** Serves the connections of a role, one after the other, until none can come any more. */
    private void serve(ConnectionRole role, ThreadRole thread, Consumer<Channel> service) {
        furtherThreads.add(environment.start(thread, () -> {
            environment.answersAtOnce();
            while (true) {
                try (Channel channel = link.acceptFurther(role)) {
                    service.accept(channel);
                } catch (RuntimeException | Error e) {
                    // The wait was ended, or nobody can connect any more, which harms only if somebody wanted to.
                    LOG.log(System.Logger.Level.DEBUG, "no further connection: {0}", MigrationException.sentence(e));
                    return;
                }
            }
        }));
    }

    private void readPreempt(Channel channel) {
        try (ChannelInput input = new ChannelInput(channel, PREEMPT_STAGING_BYTES);
                PostcopyPlacer placer = arrival.newRequestPlacer()) {
            PreemptChannelReader reader = new PreemptChannelReader(new Pages(placer, input), arrival.entries());
            for (int bytes = input.fill(Channel.FOREVER_NANOS); bytes > 0; bytes = input.fill(Channel.FOREVER_NANOS)) {
                placer.readAt(environment.clock().nanoTime());
                arrival.countBytes(bytes);
                reader.consume(input.received());
                placer.flush();
                input.keepRest();
            }
            reader.endOfInput();
            if (!hasMainEnded()) {
                throw new MigrationException.Transport("the source closed the preempt channel");
            }
        } catch (StreamFormatException e) {
            broken(new MigrationException.Protocol(String.valueOf(e.getMessage()), e));
        } catch (RuntimeException | Error e) {
            broken(e);
        }
    }

    /**
     * A stranger who knows the first bytes is turned away; from the source's greeting on an error is the end of this
     * link.
     */
    private void serveEpochs(CheckpointTaker taker, Channel channel) {
        servesEpochs(true);
        try {
            taker.greet(channel);
        } catch (RuntimeException | Error e) {
            servesEpochs(false);
            LOG.log(System.Logger.Level.INFO, "turned away {0}: {1}", channel.peer(), MigrationException.sentence(e));
            return;
        }
        try {
            // Memory may be whole before the devices are loaded; but a guest that may yet be refused here must not lose
            // its source.
            taker.serve(channel, () -> guestStarted && arrival.missingPages() == 0);
        } catch (RuntimeException | Error e) {
            servesEpochs(false);
            broken(e);
        }
    }

    private void servesEpochs(boolean now) {
        lock.lock();
        try {
            servesEpochs = now;
        } finally {
            lock.unlock();
        }
    }

    private boolean hasMainEnded() {
        lock.lock();
        try {
            return mainEnded;
        } finally {
            lock.unlock();
        }
    }

    /** The pages of the preempt channel. */
    private record Pages(PostcopyPlacer placer, ChannelInput input) implements StreamListener {
        @Override
        public void page(int blockIndex, long offset, ByteBuffer content, int index) {
            placer.place(blockIndex, offset, input.memoryOf(content), index);
        }

        @Override
        public void zeroPage(int blockIndex, long offset) {
            placer.placeZero(blockIndex, offset);
        }
    }
}
