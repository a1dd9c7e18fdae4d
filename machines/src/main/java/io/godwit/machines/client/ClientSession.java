// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import io.godwit.engine.report.LatencyHistogram;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * One client: asks, repeats what was not answered wherever the guest is, and checks. Ends at the first finding. A
 * thread of its own runs it; {@link #expire} and {@link #stop} come from others.
 */
final class ClientSession implements Runnable {
    private static final long BETWEEN_ROUNDS_NANOS = 5_000_000;

    private final int client;
    private final ClientSettings settings;
    private final SeenByAll seen;
    private final LatencyHistogram latency;
    private final ClientModel model;
    private final List<SocketAddress> addresses;

    private int address;
    private int failures;
    private volatile boolean stopping;
    private volatile long answers;
    private volatile long reconnects;
    private volatile long refusedAnswers;

    // Guarded by this.
    private Optional<ClientConnection> connection = Optional.empty();
    private long deadline;

    ClientSession(int client, ClientSettings settings, SeenByAll seen, LatencyHistogram latency) {
        this.client = client;
        this.settings = settings;
        this.seen = seen;
        this.latency = latency;
        this.model = new ClientModel(client, settings);
        this.addresses = settings.addresses();
    }

    long answers() {
        return answers;
    }

    long reconnects() {
        return reconnects;
    }

    long refusedAnswers() {
        return refusedAnswers;
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    public void run() {
        long between = settings.requestsPerSecond() == 0 ? 0 : (long) (1e9 / settings.requestsPerSecond());
        long due = System.nanoTime();
        try {
            while (!stopping) {
                ClientRequest request = model.next();
                long before = seen.highestSerial();
                long begin = System.nanoTime();
                Optional<ClientAnswer> answer = askUntilAnswered(request, begin);
                if (answer.isEmpty()) {
                    return;
                }
                Optional<String> wrong = model.check(request, answer.get());
                if (wrong.isEmpty() && request.number() != 0) {
                    wrong = seen.checkSerial(request.number(), answer.get().serial(), before);
                }
                if (wrong.isPresent()) {
                    seen.find(client, wrong.get());
                    return;
                }
                long now = System.nanoTime();
                latency.record(now - begin);
                seen.answered(now);
                answers++;
                due = Math.max(due + between, now - between);
                awaitDue(due);
            }
        } finally {
            hangUp();
        }
    }

    private void awaitDue(long due) {
        for (long left = due - System.nanoTime(); left > 0 && !stopping; left = due - System.nanoTime()) {
            LockSupport.parkNanos(this, left);
        }
    }

    /** Empty if it is to stop, or nobody has answered for too long, which is a finding. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private Optional<ClientAnswer> askUntilAnswered(ClientRequest request, long begin) {
        String last = "";
        while (!stopping) {
            try {
                ClientAnswer answer = connection(request.number() > 0).ask(request);
                if (seen.isInForce(answer.fencingNumber())) {
                    failures = 0;
                    return Optional.of(answer);
                }
                refusedAnswers++;
                last = "the host at " + addresses.get(address) + " has fencing number " + answer.fencingNumber()
                        + ", a higher one was seen";
            } catch (IOException e) {
                last = e instanceof ClosedChannelException ? "it took too long" : String.valueOf(e.getMessage());
            }
            hangUp();
            if (System.nanoTime() - begin > settings.patience().toNanos()) {
                seen.find(
                        client,
                        "request %d has no answer after %d s (%s)"
                                .formatted(request.number(), settings.patience().toSeconds(), last));
                return Optional.empty();
            }
            tryNext();
        }
        return Optional.empty();
    }

    private void tryNext() {
        address = (address + 1) % addresses.size();
        failures++;
        if (failures % addresses.size() == 0 && !stopping) {
            LockSupport.parkNanos(this, BETWEEN_ROUNDS_NANOS);
        }
    }

    /** The connection, a new one if there is none; it has the time-out's time from now. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private ClientConnection connection(boolean again) throws IOException {
        ClientConnection fresh;
        synchronized (this) {
            deadline = System.nanoTime() + settings.answerTimeout().toNanos();
            if (connection.isPresent()) {
                return connection.get();
            }
            fresh = new ClientConnection(addresses.get(address));
            connection = Optional.of(fresh);
        }
        fresh.connect(addresses.get(address));
        if (again) {
            reconnects++;
        }
        return fresh;
    }

    private synchronized void hangUp() {
        connection.ifPresent(ClientConnection::close);
        connection = Optional.empty();
    }

    /** Ends the wait for an answer that has taken too long. */
    synchronized void expire(long now) {
        if (now - deadline > 0) {
            connection.ifPresent(ClientConnection::close);
        }
    }

    /** Ends it soon. */
    void stop() {
        stopping = true;
        synchronized (this) {
            connection.ifPresent(ClientConnection::close);
        }
    }
}
