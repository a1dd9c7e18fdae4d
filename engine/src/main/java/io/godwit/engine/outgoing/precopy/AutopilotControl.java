// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import io.godwit.engine.forecast.Autopilot.Choice;

/**
 * Does what {@code autopilot} chooses: takes more from the guest at once, and less when it was seen twice that less
 * will do; and goes over to postcopy when it was seen twice that only this helps, because there is no way back. One
 * thread at a time.
 */
final class AutopilotControl {
    private static final int TWICE = 2;

    private final MigrationThrottle throttle;
    private final PostcopyTrigger trigger;
    private int lessInARow;
    private int postcopyInARow;

    AutopilotControl(MigrationThrottle throttle, PostcopyTrigger trigger) {
        this.throttle = throttle;
        this.trigger = trigger;
    }

    /** One more judgement. */
    void steer(Choice choice) {
        postcopyInARow = choice.postcopy() ? postcopyInARow + 1 : 0;
        if (choice.postcopy()) {
            if (postcopyInARow >= TWICE) {
                trigger.ask();
            }
            return;
        }
        int now = throttle.percent();
        lessInARow = choice.percent() < now ? lessInARow + 1 : 0;
        if (choice.percent() > now || lessInARow >= TWICE) {
            throttle.setAll(choice.percent());
            lessInARow = 0;
        }
    }
}
