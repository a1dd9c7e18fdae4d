// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.ThreadRole;
import io.godwit.engine.environment.Worker;
import io.godwit.engine.guest.RunControl;
import java.time.Duration;

/**
 * A guest whose missing memory will not come, because this side ends. It must not run on with zeros in the place of its
 * memory; but a vCPU that waits for a page may be unable to stop before it gets one.
 */
public final class UnfinishedGuest {
    private static final System.Logger LOG = System.getLogger(UnfinishedGuest.class.getName());
    private static final Duration STOP_PATIENCE = Duration.ofMillis(500);

    private final Environment environment;
    private final RunControl run;
    private final PostcopyArrival arrival;

    public UnfinishedGuest(Environment environment, RunControl run, PostcopyArrival arrival) {
        this.environment = environment;
        this.run = run;
        this.arrival = arrival;
    }

    /** Stops it: first as it is, then, where a vCPU waits, by letting it out to where it sees that it shall stop. */
    public void stop() {
        Worker stopper = environment.start(ThreadRole.STOP, () -> {
            try {
                run.stop();
            } catch (RuntimeException e) {
                LOG.log(System.Logger.Level.WARNING, "a guest whose memory is missing could not be stopped", e);
            }
        });
        try {
            boolean _ = stopper.awaitEnd(STOP_PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        arrival.giveUp();
        stopper.awaitEnd();
    }
}
