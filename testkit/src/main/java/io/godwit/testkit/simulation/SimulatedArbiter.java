// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.LastRun;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/** One host's access to the {@link Tokens} that all hosts share. */
final class SimulatedArbiter implements Arbiter {
    private static final long RETRY_NANOS = 2_000_000;

    private final Baton baton;
    private final Tokens tokens;
    private final String host;
    private long fencingNumber;

    SimulatedArbiter(Baton baton, Tokens tokens, String host) {
        this.baton = baton;
        this.tokens = tokens;
        this.host = host;
    }

    @Override
    public Claim claim(UUID guest, Duration patience) {
        baton.mayPass();
        long deadline = baton.nanoTime() + patience.toNanos();
        LastRun lastRun = tokens.lastRun();
        while (!tokens.take(host)) {
            if (baton.nanoTime() >= deadline) {
                baton.note("claim lost", tokens.claims());
                return new Claim.Lost(tokens.holder(), tokens.lastRun());
            }
            baton.spend(RETRY_NANOS);
            lastRun = tokens.lastRun();
        }
        baton.note("claim won", tokens.claims());
        fencingNumber = tokens.fencingNumber();
        return new Claim.Won(lastRun);
    }

    @Override
    public void recordRun(Optional<UUID> protection) {
        if (!held()) {
            throw new IllegalStateException(host + " lets the guest run without its token");
        }
        tokens.recordRun(new LastRun(host, protection));
    }

    @Override
    public long fencingNumber() {
        return fencingNumber;
    }

    /** {@inheritDoc} Here: never. */
    @Override
    public void watchLoss(Runnable lost) {}

    @Override
    public void release() {
        baton.note("releases", tokens.claims());
        tokens.release(host);
        baton.mayPass();
    }

    @Override
    public boolean held() {
        return tokens.isHeldBy(host);
    }

    @Override
    public String self() {
        return host;
    }

    @Override
    public void close() {
        release();
    }
}
