// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import java.time.Duration;

/** What becomes of the primary's guest, and of what it has put out, when protection ends. On {@code mig-outgoing}. */
final class Parting {
    private static final System.Logger LOG = System.getLogger(Parting.class.getName());
    private static final Duration PAUSE = Duration.ofSeconds(5);
    private static final long AGAIN_NANOS = 20_000_000;

    private final OutgoingPlan plan;
    private final HeldOutputs outputs;

    Parting(OutgoingPlan plan, HeldOutputs outputs) {
        this.plan = plan;
        this.outputs = outputs;
    }

    /**
     * The guest goes on here, and what is held leaves.
     *
     * @throws RuntimeException if the secondary may still take the guest over: then nothing has left
     */
    void goAlone() {
        // ORDERING: first of all, for what leaves after this the secondary may not know.
        endProtection();
        if (!plan.run().whileStill(PAUSE, outputs::alone)) {
            // It has crashed, or one of its vCPUs does not come out.
            outputs.alone();
        }
        plan.run().copy().goOnFromCheckpoint();
    }

    /** An arbiter that does not answer may do so again before its token is lost; outputs stay held meanwhile. */
    private void endProtection() {
        long deadline = plan.clock().nanoTime() + plan.parameters().get().handoverTimeoutMillis() * 1_000_000;
        while (true) {
            try {
                plan.run().copy().endProtection();
                return;
            } catch (ArbiterException e) {
                if (plan.clock().nanoTime() - deadline > 0) {
                    throw e;
                }
                LOG.log(System.Logger.Level.DEBUG, "the token's record cannot be changed yet", e);
                plan.environment().pause(AGAIN_NANOS);
            }
        }
    }

    /** The secondary may take this guest's place, so nothing that is held may leave. */
    void standStill(Throwable cause) {
        if (cause instanceof MigrationException.RightToRun) {
            plan.run().copy().abandonProtection();
            // It goes on by itself if the right is won again and the secondary has not gone on.
            if (!plan.run().whileStill(PAUSE, this::dropUnlessWonAgain)) {
                outputs.drop();
            }
            plan.run().copy().goOnFromCheckpoint();
        } else {
            leave(GuestOwner.UNDECIDED);
        }
    }

    private void dropUnlessWonAgain() {
        if (plan.run().copy().hasRight()) {
            outputs.alone();
        } else {
            outputs.drop();
        }
    }

    /** The token becomes free. Its record goes on to name this protection, so that the secondary may go on. */
    void leave(GuestOwner owner) {
        plan.run().copy().abandonProtection();
        boolean _ = plan.run().copy().stopForCheckpoint();
        outputs.drop();
        plan.run().leaveTo(owner);
    }
}
