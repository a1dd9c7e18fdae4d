// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.plan;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.environment.MonotonicClock;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.VcpuTime;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.transport.Connections;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.OutgoingConnections;
import io.godwit.engine.transport.Transports;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/**
 * What an outgoing migration is made of.
 *
 * @param throttled the guest's vCPUs as they are throttled here, where others may take time from them too
 */
public record OutgoingPlan(
        Guest guest,
        VcpuTime.Taker throttled,
        RunControl run,
        MigrationUri uri,
        Supplier<MigrationParameters> parameters,
        Set<Capability> capabilities,
        List<MigrationListener> listeners,
        Environment environment,
        Transports transports) {
    /** The time. */
    public MonotonicClock clock() {
        return environment.clock();
    }

    /** The connections to a destination at this address, by today's settings. */
    public Connections connections(MigrationUri address) {
        Duration patience = Duration.ofMillis(parameters.get().connectTimeoutMillis());
        return new OutgoingConnections(transports, address, patience);
    }
}
