// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.settings.MigrationParameters;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Says when precopy is to become postcopy: when somebody asked, after {@code postcopy-start-time}, or after {@code
 * postcopy-after-passes}. It is looked at within a pass too, because a pass over a big guest takes longer than anybody
 * wants to wait.
 *
 * <p>Threads: {@link #ask} from any, the rest from {@code mig-outgoing}.
 */
public final class PostcopyTrigger {
    private final boolean possible;
    private final Supplier<MigrationParameters> parameters;
    private volatile boolean asked;
    private long beginNanos;

    /**
     * A trigger that nobody has pulled.
     *
     * @param possible whether {@code postcopy-ram} is on; without it nothing is ever due
     */
    public PostcopyTrigger(boolean possible, Supplier<MigrationParameters> parameters) {
        this.possible = possible;
        this.parameters = parameters;
    }

    /** Somebody wants postcopy now. */
    public void ask() {
        asked = true;
    }

    /** The passes begin. */
    public void begin(long nowNanos) {
        beginNanos = nowNanos;
    }

    /** Whether it will come, sooner or later. */
    boolean isSettled() {
        MigrationParameters now = parameters.get();
        return possible && (asked || now.postcopyStartTimeMillis() > 0 || now.postcopyAfterPasses() > 0);
    }

    /** Whether the switch is due within a pass. */
    boolean isDueWithinPass(long nowNanos) {
        if (!possible) {
            return false;
        }
        long startMillis = parameters.get().postcopyStartTimeMillis();
        return asked || (startMillis > 0 && nowNanos - beginNanos >= TimeUnit.MILLISECONDS.toNanos(startMillis));
    }

    /** Whether it is due after so many whole passes. */
    boolean isDue(int passes, long nowNanos) {
        long afterPasses = parameters.get().postcopyAfterPasses();
        return isDueWithinPass(nowNanos) || (possible && afterPasses > 0 && passes >= afterPasses);
    }
}
