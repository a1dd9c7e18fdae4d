// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;

/** What the hosts of tests of COLO are set to. */
final class ColoSettings {
    private ColoSettings() {}

    /** Checkpoints so close to each other; who is silent is lost late. */
    static MigrationParameters everyMillis(long delayMillis) {
        return MigrationParameters.DEFAULTS
                .with(MigrationParameter.MAX_BANDWIDTH, 0)
                .with(MigrationParameter.HANDOVER_TIMEOUT, 5000)
                .with(MigrationParameter.CONNECT_TIMEOUT, 5000)
                .with(MigrationParameter.CHECKPOINT_DELAY, delayMillis)
                .with(MigrationParameter.HEARTBEAT_TIMEOUT, 20_000);
    }
}
