// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.MigrationControl;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.settings.Capability;
import io.godwit.host.GuestFigures;
import io.godwit.host.HostControl;
import io.godwit.host.MemoryControl;
import io.godwit.host.PassedDescriptors;
import java.util.Optional;
import java.util.Set;

/** A bare guest as an embedder's host shows it to QMP: it can be migrated and protected, and tells no figures. */
record BareHost(BareSource source, PassedDescriptors descriptors) implements HostControl {
    BareHost(BareSource source) {
        this(source, new PassedDescriptors());
    }

    @Override
    public RunState runState() {
        return source.run.state();
    }

    @Override
    public Optional<String> whyStill() {
        return source.run.whyStill();
    }

    @Override
    public void stop() {
        source.run.stop();
    }

    @Override
    public void cont() {
        source.run.cont();
    }

    @Override
    public void quit() {
        throw new MigrationException.Refused("The test ends it.");
    }

    @Override
    public Optional<String> lossAtEnd() {
        return Optional.empty();
    }

    @Override
    public void migrateIncoming(String uri, boolean exitOnError) {
        throw new MigrationException.Refused("A guest is here already.");
    }

    @Override
    public void setCapabilities(Set<Capability> on, Set<Capability> off) {
        source.migrator.setCapabilities(on, off);
    }

    @Override
    public MigrationControl migration() {
        return source.migrator;
    }

    @Override
    public MemoryControl memory() {
        throw new MigrationException.Refused("Its memory stays as it is.");
    }

    @Override
    public GuestFigures guestFigures(GuestFigures.HeartbeatQuery query) {
        throw new MigrationException.Refused("This guest tells nothing of itself.");
    }

    @Override
    public PageDigests ramDigest() {
        throw new MigrationException.Refused("Nothing was hashed.");
    }

    @Override
    public void addRunListener(RunControl.Listener listener) {
        source.run.addListener(listener);
    }
}
