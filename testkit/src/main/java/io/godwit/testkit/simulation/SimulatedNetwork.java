// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.AbortSignal;
import io.godwit.engine.transport.Channel;
import io.godwit.engine.transport.Listening;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.Transports;
import io.godwit.linux.memory.NativeMemory;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;

/** The wire between the hosts of the simulated world. Addresses are {@code unix:} paths of no file system. */
final class SimulatedNetwork implements Transports, AutoCloseable {
    private final Baton baton;
    private final NetworkShape shape;
    private final Queue<Misfortune> misfortunes = new ArrayDeque<>();
    private final Map<String, Door> doors = new HashMap<>();
    private final NativeMemory scratch = NativeMemory.allocate(SimulatedConnection.CHUNK_BYTES);
    private int connections;

    SimulatedNetwork(Baton baton, NetworkShape shape) {
        this.baton = baton;
        this.shape = shape;
    }

    /** The next connection that nothing has been said of gets this. */
    void meetNext(Misfortune misfortune) {
        misfortunes.add(misfortune);
    }

    @Override
    public MigrationUri usable(String uri) {
        return MigrationUri.parse(uri);
    }

    @Override
    public Channel connect(MigrationUri uri, Duration patience, AbortSignal abort) {
        Misfortune misfortune = misfortunes.isEmpty() ? Misfortune.NONE : misfortunes.remove();
        baton.note("connects and meets " + misfortune.fault(), misfortune.amount());
        baton.spend(shape.latencyNanos());
        Optional<Door> door = Optional.ofNullable(doors.get(uri.toString()));
        if (abort.isRaised()) {
            throw new MigrationException.Transport(abort.reason());
        }
        if (door.isEmpty() || misfortune.fault() == Fault.REFUSE_CONNECTION) {
            throw new MigrationException.Transport("cannot reach " + uri + ": the simulated network refuses it");
        }
        SimulatedConnection connection = new SimulatedConnection(
                baton, "connection " + ++connections, shape, misfortune, door.get()::changed, scratch);
        door.get().knock(connection);
        return connection.opener(uri.toString(), patience, abort);
    }

    @Override
    public Listening listen(MigrationUri uri, Duration patience, AbortSignal abort) {
        if (doors.containsKey(uri.toString())) {
            throw new MigrationException.Refused(
                    "cannot take a migration in at " + uri + ": somebody else listens there");
        }
        Door door = new Door(uri, patience);
        doors.put(uri.toString(), door);
        return door;
    }

    /** With nobody left who is connected. */
    @Override
    public void close() {
        scratch.close();
    }

    private final class Door implements Listening {
        private final MigrationUri uri;
        private final Duration patience;
        private final Queue<SimulatedConnection> waiting = new ArrayDeque<>();
        private List<Channel> watched = List.of();
        private boolean woken;

        Door(MigrationUri uri, Duration patience) {
            this.uri = uri;
            this.patience = patience;
        }

        void knock(SimulatedConnection connection) {
            waiting.add(connection);
            baton.wakeAll(this);
        }

        private void changed(Channel visitor) {
            if (watched.contains(visitor)) {
                baton.wakeAll(this);
            }
        }

        @Override
        public MigrationUri address() {
            return uri;
        }

        @Override
        public boolean takesMore() {
            return true;
        }

        @Override
        public Optional<Channel> accept() {
            if (waiting.isEmpty()) {
                return Optional.empty();
            }
            baton.note("accepts", waiting.size());
            return Optional.of(waiting.remove().accepter(uri.toString(), patience));
        }

        @Override
        public void await(boolean accepting, List<Channel> visitors, long timeoutNanos) {
            if (!woken && !(accepting && !waiting.isEmpty())) {
                long arrival = visitors.stream()
                        .mapToLong(SimulatedConnection::nextArrivalNanos)
                        .min()
                        .orElse(Turn.NEVER);
                long untilArrival = arrival == Turn.NEVER ? Turn.NEVER : Math.max(0, arrival - baton.nanoTime());
                watched = visitors;
                boolean _ = baton.await(this, Math.min(timeoutNanos, untilArrival));
                watched = List.of();
            }
            woken = false;
        }

        @Override
        public void wake() {
            woken = true;
            baton.wakeAll(this);
        }

        @Override
        public void close() {
            doors.remove(uri.toString());
            for (SimulatedConnection connection : waiting) {
                connection.refuse();
            }
        }

        @Override
        public String toString() {
            return "a knock at " + uri;
        }
    }
}
