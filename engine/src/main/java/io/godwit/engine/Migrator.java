// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.Departure;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.MemoryChanges;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.guest.SwitchoverRehearsal;
import io.godwit.engine.guest.VcpuTime;
import io.godwit.engine.incoming.IncomingMigration;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.postcopy.PostcopyArrival;
import io.godwit.engine.incoming.precopy.DirectPlacer;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.outgoing.OutgoingMigration;
import io.godwit.engine.outgoing.plan.OutgoingPlan;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.CapabilityRules;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.settings.Settings;
import io.godwit.engine.tracking.DirtyRate;
import io.godwit.engine.tracking.DirtyRateRequest;
import io.godwit.engine.tracking.TrackerLease;
import io.godwit.engine.tracking.VcpuDirtyLimit;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.engine.transport.Transports;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Migrates one guest: out of here, or to here. The front door of the engine; QMP, programs that embed Godwit and tests
 * all come in by it.
 *
 * <pre>{@code
 * Migrator migrator = new Migrator(guest, runControl);
 * migrator.migrate("tcp:10.0.0.2:4444");
 * migrator.awaitEnd(Duration.ofMinutes(5));
 * MigrationStatistics outcome = migrator.statistics();   // status, and owner(): who has the guest now
 * }</pre>
 *
 * <p>Threads: any. No method waits for a migration except {@link #awaitEnd} and {@link #close}.
 */
public final class Migrator implements MigrationControl, AutoCloseable {
    private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(15);

    private final Arrival guest;
    private final RunControl run;
    private final Transports transports;
    private final Environment environment;
    private final Settings settings = new Settings();
    private final VcpuTime throttle;
    private final VcpuTime.Taker throttledByMigrations;
    private final TrackerLease tracker;
    private final MemoryChanges memory;
    private final List<MigrationListener> listeners = new CopyOnWriteArrayList<>();
    private boolean closed;
    private volatile Side side = new Side.None();

    private sealed interface Side {
        record None() implements Side {}

        record Out(OutgoingMigration migration) implements Side {}

        record In(IncomingMigration migration) implements Side {}
    }

    /**
     * A migrator for a guest whose vCPUs {@code run} starts and stops, or for what only takes a guest in. If the guest
     * has never run it takes a moment to rehearse the switchover, so that the first one is not slow; see {@link
     * SwitchoverRehearsal}.
     */
    public Migrator(Arrival guest, RunControl run) {
        this(guest, run, new SystemTransports(Descriptors.ANY_NUMBER));
    }

    /** The same over transports of the caller's, who so says which descriptors {@code fd:} may name. */
    public Migrator(Arrival guest, RunControl run, Transports transports) {
        this(guest, run, transports, Environment.SYSTEM);
    }

    /** The same in an environment of the caller's. */
    public Migrator(Arrival guest, RunControl run, Transports transports, Environment environment) {
        this.guest = guest;
        this.environment = environment;
        this.run = run;
        this.transports = transports;
        this.throttle = new VcpuTime(guest.vcpus(), settings::parameters);
        this.throttledByMigrations = throttle.taker();
        this.tracker = new TrackerLease(
                guest,
                run,
                throttle.taker(),
                this::statistics,
                () -> settings.has(Capability.DIRTY_LIMIT),
                environment);
        this.memory = new MemoryChanges(guest, run, () -> statistics().owner());
        if (run.state() == RunState.PRELAUNCH || run.state() == RunState.INMIGRATE) {
            guest.guest().ifPresent(SwitchoverRehearsal::with);
        }
    }

    @Override
    public synchronized void migrate(String uri) {
        MigrationUri target = transports.usable(uri);
        refuseWhileActive();
        CapabilityRules.checkTarget(settings.capabilities(), target);
        Guest running = Departure.of(guest, run);
        OutgoingMigration migration = new OutgoingMigration(new OutgoingPlan(
                running,
                throttledByMigrations,
                run,
                target,
                settings::parameters,
                settings.capabilities(),
                listeners,
                environment,
                transports));
        tracker.giveToMigration("a migration to " + target + " began", () -> side = new Side.Out(migration));
        migration.start();
    }

    /**
     * Listens at {@code uri} for a guest; {@link MigrationStatistics#listenAddress} says where. Waits for nothing but
     * the address of a name, and {@link #close} ends that.
     *
     * @throws MigrationException.Refused if this host does not wait for a guest, or the address cannot be used
     */
    public void migrateIncoming(String uri) {
        MigrationUri source = transports.usable(uri);
        IncomingMigration migration;
        synchronized (this) {
            refuseWhileActive();
            if (run.state() != RunState.INMIGRATE) {
                throw new MigrationException.Refused(
                        "'-incoming' was not specified on the command line: this host has a guest of its own");
            }
            PrecopyPlace.Choice places = guest.places().orElseGet(() -> DirectPlacer.into(guest, settings.verifying()));
            migration = new IncomingMigration(
                    IncomingPlan.of(guest, run, places, source, settings, listeners, environment, transports));
            side = new Side.In(migration);
        }
        try {
            // Without the lock: to look a name up may take long, and this host may have to end meanwhile.
            migration.listen();
        } catch (RuntimeException | Error e) {
            side = new Side.None();
            throw e;
        }
        migration.start();
    }

    @Override
    public void cancel() {
        switch (side) {
            case Side.Out(OutgoingMigration migration) -> migration.cancel();
            case Side.In(IncomingMigration migration) -> migration.cancel();
            case Side.None _ -> {}
        }
    }

    @Override
    public void continueFrom(MigrationStatus status) {
        if (status != MigrationStatus.PRE_SWITCHOVER) {
            throw new MigrationException.Refused(
                    "Migration can be continued from 'pre-switchover' only, not from '" + status.publicName() + "'.");
        }
        switch (side) {
            case Side.Out(OutgoingMigration migration) -> migration.continueSwitchover();
            case Side.In _, Side.None _ -> throw new MigrationException.Refused("There is no migration to continue.");
        }
    }

    @Override
    public void startPostcopy() {
        switch (side) {
            case Side.Out(OutgoingMigration migration) -> migration.startPostcopy();
            case Side.In _, Side.None _ ->
                throw new MigrationException.Refused(
                        "No outgoing migration has been started, so none becomes postcopy.");
        }
    }

    @Override
    public void pausePostcopy() {
        switch (side) {
            case Side.Out(OutgoingMigration migration) -> migration.pausePostcopy();
            case Side.In(IncomingMigration migration) -> migration.pausePostcopy();
            case Side.None _ ->
                throw new MigrationException.Refused("migrate-pause is for postcopy only, and there is no migration.");
        }
    }

    @Override
    public void failOver() {
        switch (side) {
            case Side.Out(OutgoingMigration migration) -> migration.failOver();
            case Side.In(IncomingMigration migration) -> migration.failOver();
            case Side.None _ -> throw MigrationException.Refused.noFailover(MigrationStatus.NONE);
        }
    }

    @Override
    public void recover(String uri) {
        MigrationUri source = transports.usable(uri);
        switch (side) {
            case Side.In(IncomingMigration migration) -> migration.recover(source);
            case Side.Out _, Side.None _ ->
                throw new MigrationException.Refused(
                        "migrate-recover is for the destination of a postcopy that is paused; this host is none.");
        }
    }

    @Override
    public synchronized void resume(String uri) {
        MigrationUri target = transports.usable(uri);
        switch (side) {
            case Side.Out(OutgoingMigration migration) -> {
                CapabilityRules.checkTarget(settings.capabilities(), target);
                migration.resume(target);
            }
            case Side.In _, Side.None _ ->
                throw new MigrationException.Refused("Cannot resume: there is no postcopy that was paused here.");
        }
    }

    @Override
    public void commandTook(String name, long nanos) {
        switch (side) {
            case Side.None _ -> {}
            case Side.Out(OutgoingMigration migration) -> migration.commandTook(name, nanos);
            case Side.In(IncomingMigration migration) -> migration.commandTook(name, nanos);
        }
    }

    /** {@link MemoryChanges#plug}. */
    public RamBlock plugRam(String idstr, long byteLength) {
        return memory.plug(idstr, byteLength);
    }

    /** {@link MemoryChanges#unplug}. */
    public void unplugRam(RamBlock block) {
        memory.unplug(block);
    }

    @Override
    public MigrationStatistics statistics() {
        return switch (side) {
            case Side.None _ -> MigrationStatistics.NONE;
            case Side.Out(OutgoingMigration migration) -> migration.statistics();
            case Side.In(IncomingMigration migration) -> migration.statistics();
        };
    }

    @Override
    public void calcDirtyRate(DirtyRateRequest request) {
        tracker.measure(request);
    }

    @Override
    public DirtyRate dirtyRate() {
        return tracker.dirtyRate();
    }

    @Override
    public void setVcpuDirtyLimit(OptionalLong vcpu, long mebibytesPerSecond) {
        tracker.limit(vcpu, mebibytesPerSecond);
    }

    @Override
    public void cancelVcpuDirtyLimit(OptionalLong vcpu) {
        tracker.unlimit(vcpu);
    }

    @Override
    public List<VcpuDirtyLimit> vcpuDirtyLimits() {
        return tracker.limits();
    }

    @Override
    public MigrationParameters parameters() {
        return settings.parameters();
    }

    @Override
    public void setParameters(MigrationParameters next) {
        settings.setParameters(next);
        throttle.parametersChanged();
    }

    @Override
    public Set<Capability> capabilities() {
        return settings.capabilities();
    }

    /** Switches a capability, as {@link #setCapabilities}. */
    public void setCapability(Capability capability, boolean on) {
        setCapabilities(on ? Set.of(capability) : Set.of(), on ? Set.of() : Set.of(capability));
    }

    /**
     * Switches several capabilities at once: all, or none if what came of it could not be.
     *
     * @throws MigrationException.Refused if one cannot be had here, they do not go together, or a migration runs
     */
    public synchronized void setCapabilities(Set<Capability> on, Set<Capability> off) {
        refuseWhileActive();
        if (on.contains(Capability.POSTCOPY_RAM) && run.state() == RunState.INMIGRATE) {
            PostcopyArrival.refuseUnsupported(guest);
        }
        settings.switchCapabilities(on, off);
    }

    /** Whether each page that comes is hashed; takes effect with the next {@link #migrateIncoming}. */
    public void setVerifying(boolean on) {
        settings.setVerifying(on);
    }

    /**
     * A hash of every page at the switchover: at the source that of the memory it handed over, at the destination that
     * of the pages as they came. Takes a while for a large guest.
     *
     * @throws MigrationException.Refused if no migration has completed, or this side was not asked to keep hashes
     */
    public PageDigests digestsAtSwitchover() {
        if (statistics().status() != MigrationStatus.COMPLETED) {
            throw new MigrationException.Refused("There is no completed migration to compare.");
        }
        return switch (side) {
            case Side.Out _
            when run.state() == RunState.POSTMIGRATE ->
                PageDigests.of(guest.ram().snapshot());
            case Side.In(IncomingMigration migration)
            when migration.digests().isPresent() -> migration.digests().get();
            case Side.Out _, Side.In _, Side.None _ ->
                throw new MigrationException.Refused("This side has no hashes of the memory at the switchover.");
        };
    }

    @Override
    public void addListener(MigrationListener listener) {
        listeners.add(listener);
    }

    /** Waits until the migration that runs has ended; true at once if none runs. */
    public boolean awaitEnd(Duration timeout) throws InterruptedException {
        return switch (side) {
            case Side.None _ -> true;
            case Side.Out(OutgoingMigration migration) -> migration.awaitEnd(timeout);
            case Side.In(IncomingMigration migration) -> migration.awaitEnd(timeout);
        };
    }

    /** Ends what runs, for good: an outgoing migration is cancelled, an incoming one given up. The guest stays. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        switch (side) {
            case Side.Out(OutgoingMigration migration) -> migration.close();
            case Side.In(IncomingMigration migration) -> migration.close();
            case Side.None _ -> {}
        }
        tracker.close();
        try {
            boolean _ = awaitEnd(CLOSE_PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void refuseWhileActive() {
        if (closed) {
            throw new MigrationException.Refused("This host is ending.");
        }
        MigrationStatistics now = statistics();
        if (!now.status().isEnded()) {
            throw new MigrationException.Refused("There's a migration process in progress");
        }
        if (!now.outgoing() && now.status() == MigrationStatus.FAILED) {
            throw new MigrationException.Refused("The incoming migration has failed, so this guest's memory is broken;"
                    + " quit and start a new host to wait again.");
        }
    }
}
