// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.plan;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.Settings;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.Transports;
import java.time.Duration;
import java.util.List;

/**
 * What an incoming migration is made of.
 *
 * @param guest what takes the guest in
 * @param places where the pages of a guest go that is still at its source
 * @param withDigests whether to hash each page as it comes, for a later comparison with the source
 * @param postcopy whether the source may let the guest run here before its memory has come
 * @param colo whether the guest may stay a secondary here
 * @param secondCopy whether a secondary here keeps a second copy of RAM
 */
public record IncomingPlan(
        Arrival guest,
        RunControl run,
        PrecopyPlace.Choice places,
        MigrationUri uri,
        Duration patience,
        boolean withDigests,
        boolean postcopy,
        boolean colo,
        boolean secondCopy,
        List<MigrationListener> listeners,
        Environment environment,
        Transports transports) {
    /** With what an operator has set. */
    public static IncomingPlan of(
            Arrival guest,
            RunControl run,
            PrecopyPlace.Choice places,
            MigrationUri uri,
            Settings settings,
            List<MigrationListener> listeners,
            Environment environment,
            Transports transports) {
        return new IncomingPlan(
                guest,
                run,
                places,
                uri,
                Duration.ofMillis(settings.parameters().connectTimeoutMillis()),
                settings.verifying(),
                settings.has(Capability.POSTCOPY_RAM),
                settings.has(Capability.X_COLO),
                settings.parameters().isOn(MigrationParameter.COLO_SECOND_COPY),
                listeners,
                environment,
                transports);
    }

    /** The time. */
    public MonotonicClock clock() {
        return environment.clock();
    }
}
