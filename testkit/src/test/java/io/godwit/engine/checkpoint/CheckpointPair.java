// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.arbiter.NoArbiter;
import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.Listening;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.engine.transport.Transports;
import io.godwit.testkit.guest.CheckpointGuest;
import io.godwit.testkit.wire.FaultyWire;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

/** A keeper and a taker with a guest each, which are equal at first, as at a switch to postcopy. */
final class CheckpointPair implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Transports TRANSPORTS = new SystemTransports(Descriptors.ANY_NUMBER);

    final CheckpointGuest sourceGuest;
    final CheckpointGuest guest;
    final RunControl run;
    final CheckpointKeeper keeper;
    final CheckpointTaker taker;
    final AtomicBoolean whole = new AtomicBoolean();

    /** What ended the two sides of a connection; empty if they ended as they should. */
    record Ends(Optional<RuntimeException> keeper, Optional<RuntimeException> taker) {}

    CheckpointPair(long seed) {
        this(seed, Long.MAX_VALUE);
    }

    CheckpointPair(long seed, long maxPages) {
        UUID identity = new UUID(7, seed);
        sourceGuest = new CheckpointGuest(identity, seed);
        guest = new CheckpointGuest(identity, seed);
        run = new RunControl(guest, new NoArbiter(), RunState.PRELAUNCH);
        keeper = new CheckpointKeeper(sourceGuest, MonotonicClock.SYSTEM, _ -> {});
        taker = new CheckpointTaker(guest, run, new CheckpointTaker.Settings(maxPages, PATIENCE), Environment.SYSTEM);
        guest.arrive();
    }

    /** The guest runs at the destination. */
    CheckpointPair begin() {
        taker.begin();
        run.cont();
        return this;
    }

    /** One connection, from its opening until both sides have done with it. */
    Ends connect(FaultyWire.Fault fault) throws IOException, InterruptedException {
        try (AbortSignal keeperAbort = new AbortSignal();
                Listening listening = TRANSPORTS.listen(MigrationUri.parse("tcp:127.0.0.1:0"), PATIENCE, keeperAbort);
                FaultyWire wire = new FaultyWire(listening.address().toString(), fault)) {
            Outcome kept = new Outcome("keeper", () -> {
                try (Channel channel = TRANSPORTS.connect(MigrationUri.parse(uri(wire)), PATIENCE, keeperAbort)) {
                    keeper.keep(channel, 1);
                }
            });
            Outcome made = new Outcome("taker", () -> {
                try (Channel channel = accept(listening)) {
                    taker.greet(channel);
                    taker.serve(channel, whole::get);
                }
            });
            return new Ends(kept.await(), made.await());
        }
    }

    private static Channel accept(Listening listening) {
        Optional<Channel> channel = listening.accept();
        while (channel.isEmpty()) {
            listening.await(true, List.of(), Channel.FOREVER_NANOS);
            channel = listening.accept();
        }
        return channel.get();
    }

    private static String uri(FaultyWire wire) {
        try {
            return wire.uri();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * The source's guest must be what the guest was at the end of the newest epoch that was kept, and the world must
     * have seen no more.
     */
    void assertKeptGuestIsThatOfItsEpoch() {
        long epoch = keeper.newest().number();
        assertThat(taker.statistics().lastEpoch()).as("acknowledged").isLessThanOrEqualTo(epoch);
        boolean _ = keeper.restore(true);
        CheckpointGuest.Moment then = guest.moments.get((int) epoch);
        CheckpointGuest.Moment now = sourceGuest.moment();
        assertThat(now.counter()).as("the register after epoch %d", epoch).isEqualTo(then.counter());
        assertThat(now.memory()).as("memory after epoch %d", epoch).isEqualTo(then.memory());
        assertThat(guest.world.seen()).as("what the world saw").isLessThanOrEqualTo(then.counter());
    }

    private static final class Outcome {
        private final Thread thread;
        private volatile Optional<RuntimeException> thrown = Optional.empty();

        Outcome(String name, Runnable work) {
            thread = Thread.ofPlatform().name(name).start(() -> {
                try {
                    work.run();
                } catch (RuntimeException e) {
                    thrown = Optional.of(e);
                }
            });
        }

        Optional<RuntimeException> await() throws InterruptedException {
            assertThat(thread.join(PATIENCE.plus(PATIENCE)))
                    .as("%s ends", thread.getName())
                    .isTrue();
            return thrown;
        }
    }

    @Override
    public void close() {
        run.shutdown();
        keeper.close();
        taker.close();
        guest.close();
        sourceGuest.close();
    }
}
