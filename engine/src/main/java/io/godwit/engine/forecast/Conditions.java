// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import io.godwit.engine.settings.MigrationParameters;

/**
 * What a migration is to keep to.
 *
 * @param rule whose passes they are
 * @param parameters of the migration: {@code downtime-limit} and those of throttling count; the bandwidth is the {@link
 * Link}'s
 */
public record Conditions(StoppingRule rule, MigrationParameters parameters) {
    double downtimeLimitNanos() {
        return parameters.downtimeLimitMillis() * 1e6;
    }
}
