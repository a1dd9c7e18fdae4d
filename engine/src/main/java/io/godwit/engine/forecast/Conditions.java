// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * What a migration is to keep to.
 *
 * @param rule whose passes they are
 * @param downtimeLimitNanos {@code downtime-limit}
 * @param throttling how the guest is slowed down where that is asked for
 */
public record Conditions(StoppingRule rule, long downtimeLimitNanos, Throttling throttling) {
    /** Checks ranges. */
    public Conditions {
        if (downtimeLimitNanos < 0) {
            throw new IllegalArgumentException("a downtime limit of " + downtimeLimitNanos + " ns cannot be kept");
        }
    }
}
