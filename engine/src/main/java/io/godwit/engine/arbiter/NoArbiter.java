// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/**
 * Every claim is won: for a guest of which there is no second host, as in a test or a program that migrates to files
 * only.
 */
public final class NoArbiter implements Arbiter {
    private volatile boolean held;

    /** A free token. */
    public NoArbiter() {}

    @Override
    public Claim claim(UUID guest, Duration patience) {
        held = true;
        return new Claim.Won(LastRun.NEVER);
    }

    @Override
    public void recordRun(Optional<UUID> protection) {}

    @Override
    public long fencingNumber() {
        return 0;
    }

    @Override
    public void watchLoss(Runnable lost) {}

    @Override
    public void release() {
        held = false;
    }

    @Override
    public boolean held() {
        return held;
    }

    @Override
    public String self() {
        return "this process";
    }

    @Override
    public void close() {
        held = false;
    }
}
