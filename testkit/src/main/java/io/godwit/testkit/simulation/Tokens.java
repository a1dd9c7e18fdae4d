// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.simulation;

import io.godwit.engine.arbiter.LastRun;
import java.util.Optional;

/** The right to run the one guest of a simulated world: who has it, and who ran the guest last. */
class Tokens {
    private Optional<String> holder = Optional.empty();
    private LastRun lastRun = LastRun.NEVER;
    private long fencingNumber;
    private int claims;

    /** Tries to take it; whether {@code host} has it now. */
    boolean take(String host) {
        claims++;
        if (holder.isEmpty()) {
            holder = Optional.of(host);
            fencingNumber++;
        }
        return isHeldBy(host);
    }

    void release(String host) {
        if (isHeldBy(host)) {
            holder = Optional.empty();
        }
    }

    boolean isHeldBy(String host) {
        return holder.equals(Optional.of(host));
    }

    String holder() {
        return holder.orElse("nobody");
    }

    void recordRun(LastRun run) {
        lastRun = run;
    }

    LastRun lastRun() {
        return lastRun;
    }

    /** How often it was taken. */
    long fencingNumber() {
        return fencingNumber;
    }

    /** How often somebody tried. */
    int claims() {
        return claims;
    }
}
