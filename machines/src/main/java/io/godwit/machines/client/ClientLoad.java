// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.client;

import io.godwit.engine.report.LatencyHistogram;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Clients of a service that ask, each on a virtual thread, until they are stopped or find something wrong. */
public final class ClientLoad implements AutoCloseable {
    private static final long LOOK_MILLIS = 10;

    private final SeenByAll seen = new SeenByAll();
    private final LatencyHistogram latency = new LatencyHistogram();
    private final List<ClientSession> sessions = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final CountDownLatch stop = new CountDownLatch(1);
    private final long begin = System.nanoTime();
    private volatile long end;

    private ClientLoad(ClientSettings settings) {
        for (int i = 0; i < settings.clients(); i++) {
            ClientSession session = new ClientSession(settings.firstClient() + i, settings, seen, latency);
            sessions.add(session);
            threads.add(Thread.ofVirtual().name("client-" + i).unstarted(session));
        }
        threads.add(Thread.ofVirtual().name("client-timeouts").unstarted(this::watch));
    }

    /** Begins to ask. */
    public static ClientLoad start(ClientSettings settings) {
        ClientLoad load = new ClientLoad(settings);
        load.threads.forEach(Thread::start);
        return load;
    }

    private void watch() {
        try {
            while (!stop.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                long now = System.nanoTime();
                sessions.forEach(session -> session.expire(now));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** How they get on. Any thread. */
    public ClientFigures figures() {
        long until = end == 0 ? System.nanoTime() : end;
        return new ClientFigures(
                until - begin,
                sessions.stream().mapToLong(ClientSession::answers).sum(),
                sessions.stream().mapToLong(ClientSession::reconnects).sum(),
                sessions.stream().mapToLong(ClientSession::refusedAnswers).sum(),
                seen.longestGapNanos(until),
                latency.snapshot(),
                seen.findings());
    }

    /** The longest gap begins anew: with the next answer. */
    public void forgetGaps() {
        seen.forgetGaps();
    }

    /** Stops them. */
    public ClientFigures stop() throws InterruptedException {
        close();
        for (Thread thread : threads) {
            thread.join();
        }
        return figures();
    }

    @Override
    public void close() {
        end = end == 0 ? System.nanoTime() : end;
        stop.countDown();
        sessions.forEach(ClientSession::stop);
    }
}
