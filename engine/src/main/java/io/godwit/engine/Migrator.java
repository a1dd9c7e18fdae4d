// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import io.godwit.engine.environment.Environment;
import io.godwit.engine.guest.Guest;
import io.godwit.engine.guest.RamPlug;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.guest.SwitchoverRehearsal;
import io.godwit.engine.guest.VcpuTime;
import io.godwit.engine.guest.Vcpus;
import io.godwit.engine.incoming.IncomingMigration;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.precopy.DirectPlacer;
import io.godwit.engine.memory.PageDigests;
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
import io.godwit.engine.tracking.DirtyRate;
import io.godwit.engine.tracking.DirtyRateMeter;
import io.godwit.engine.tracking.DirtyRateRequest;
import io.godwit.engine.tracking.VcpuDirtyLimit;
import io.godwit.engine.tracking.VcpuDirtyLimits;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.MigrationUri;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.engine.transport.Transports;
import io.godwit.linux.memory.Support;
import io.godwit.stream.RamBlockEntry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
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

    private final Guest guest;
    private final RunControl run;
    private final Transports transports;
    private final Environment environment;
    private final DirtyRateMeter dirtyRate;
    private final VcpuTime throttle;
    private final Vcpus throttledByMigrations;
    private final VcpuDirtyLimits limits;
    private final List<MigrationListener> listeners = new CopyOnWriteArrayList<>();
    private volatile Set<Capability> capabilities = Set.of(Capability.RETURN_PATH, Capability.VALIDATE_UUID);
    private volatile MigrationParameters parameters = MigrationParameters.DEFAULTS;
    private volatile boolean verifying;
    private boolean closed;
    private volatile Side side = new Side.None();

    private sealed interface Side {
        record None() implements Side {}

        record Out(OutgoingMigration migration) implements Side {}

        record In(IncomingMigration migration) implements Side {}
    }

    /**
     * A migrator for a guest whose vCPUs {@code run} starts and stops. If the guest has never run it takes a moment to
     * rehearse the switchover, so that the first one is not slow; see {@link SwitchoverRehearsal}.
     */
    public Migrator(Guest guest, RunControl run) {
        this(guest, run, new SystemTransports(Descriptors.ANY_NUMBER));
    }

    /** The same over transports of the caller's, who so says which descriptors {@code fd:} may name. */
    public Migrator(Guest guest, RunControl run, Transports transports) {
        this(guest, run, transports, Environment.SYSTEM);
    }

    /** The same in an environment of the caller's. */
    public Migrator(Guest guest, RunControl run, Transports transports, Environment environment) {
        this.guest = guest;
        this.environment = environment;
        this.run = run;
        this.transports = transports;
        this.dirtyRate =
                new DirtyRateMeter(guest, environment, InstantSource.system(), new SplittableRandom().nextLong());
        this.throttle = new VcpuTime(guest.vcpus(), this::parameters);
        this.throttledByMigrations = throttle.taker();
        this.limits = new VcpuDirtyLimits(guest, throttle.taker(), new Surroundings(), environment);
        if (run.state() == RunState.PRELAUNCH || run.state() == RunState.INMIGRATE) {
            SwitchoverRehearsal.with(guest);
        }
    }

    @Override
    public synchronized void migrate(String uri) {
        MigrationUri target = transports.usable(uri);
        refuseWhileActive();
        CapabilityRules.checkTarget(capabilities, target);
        if (!guest.isRunnable()) {
            throw new MigrationException.Refused(
                    "This host only keeps the guest's memory and devices as bytes; it cannot send them on.");
        }
        if (run.isUndecided()) {
            throw new MigrationException.Refused(
                    "Whether the destination of the last migration runs the guest is not known: look there"
                            + " first, then 'cont' here to keep it or 'quit' here to give it up.");
        }
        switch (run.state()) {
            case RUNNING, PAUSED, PRELAUNCH -> {}
            case INMIGRATE -> throw new MigrationException.Refused("Guest is waiting for an incoming migration");
            case POSTMIGRATE ->
                throw new MigrationException.Refused(
                        "The guest has been migrated away; 'cont' first if it shall run here again.");
            case FINISH_MIGRATE, INTERNAL_ERROR, SHUTDOWN ->
                throw new MigrationException.Refused(
                        "The guest is " + run.state().publicName() + "; it cannot be migrated.");
        }
        dirtyRate.yieldTracker("a migration to " + target + " began");
        OutgoingMigration migration = new OutgoingMigration(new OutgoingPlan(
                guest,
                throttledByMigrations,
                run,
                target,
                () -> parameters,
                capabilities,
                listeners,
                environment,
                transports));
        side = new Side.Out(migration);
        // With the side set the tracker is not free any more, so nobody takes it back.
        limits.yieldTracker();
        migration.start();
    }

    /**
     * Listens at {@code uri} for a guest and returns at once; {@link MigrationStatistics#listenAddress} says where.
     *
     * @throws MigrationException.Refused if this host does not wait for a guest, or the address cannot be used
     */
    public synchronized void migrateIncoming(String uri) {
        MigrationUri source = transports.usable(uri);
        refuseWhileActive();
        if (run.state() != RunState.INMIGRATE) {
            throw new MigrationException.Refused(
                    "'-incoming' was not specified on the command line: this host has a guest of its own");
        }
        IncomingMigration migration = new IncomingMigration(new IncomingPlan(
                guest,
                run,
                DirectPlacer.into(guest, verifying),
                source,
                Duration.ofMillis(parameters.connectTimeoutMillis()),
                verifying,
                capabilities.contains(Capability.POSTCOPY_RAM),
                listeners,
                environment,
                transports));
        side = new Side.In(migration);
        migration.start();
    }

    @Override
    public void cancel() {
        switch (side) {
            case Side.Out(OutgoingMigration migration) -> migration.cancel();
            case Side.In(IncomingMigration migration) -> {
                if (migration.statistics().status().isPostcopy()) {
                    throw MigrationException.Refused.cancelInPostcopy();
                }
            }
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
    public synchronized void recover(String uri) {
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
                CapabilityRules.checkTarget(capabilities, target);
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

    /**
     * Gives the guest more memory, while it runs and while it migrates; answered at once, whatever a migration does.
     *
     * @param idstr the block's name, which a destination will know it by
     * @param byteLength a multiple of {@link RamBlock#PAGE_BYTES}
     * @throws MigrationException.Refused if the guest is not here, cannot have it, or a migration cannot tell its
     * destination; the sentence says why
     */
    public RamBlock plugRam(String idstr, long byteLength) {
        RamPlug plug = ramPlug();
        RamBlockEntry entry;
        try {
            entry = RamBlockEntry.of(idstr, byteLength);
        } catch (IllegalArgumentException e) {
            throw new MigrationException.Refused("Memory cannot be added: " + e.getMessage(), e);
        }
        return plug.plug(entry, this::refuseWithoutGuest);
    }

    /**
     * Takes memory away from the guest, while it runs and while it migrates; answered at once. The memory is freed when
     * nobody is sending from it any more.
     *
     * @throws MigrationException.Refused as {@link #plugRam}
     */
    public void unplugRam(RamBlock block) {
        ramPlug().unplug(block, this::refuseWithoutGuest);
    }

    /**
     * Not synchronized: who begins a migration may hold the lock for a harvest, and nobody who changes memory waits for
     * that.
     */
    private RamPlug ramPlug() {
        RamPlug plug = guest.ramPlug()
                .orElseThrow(() -> new MigrationException.Refused(
                        "Memory can neither be added nor taken away: this guest keeps what it was made with."));
        // A migration that holds the list says best what it is about.
        guest.ram().refuseIfHeld();
        refuseWithoutGuest();
        return plug;
    }

    /**
     * Memory is changed where the guest is. Asked again in the same step as the change: a migration holds the list from
     * before the guest leaves until it is known where it is, so who came before that, and was slow, is refused by what
     * has become of it.
     */
    private void refuseWithoutGuest() {
        RunState now = run.state();
        switch (now) {
            case RUNNING, PAUSED, PRELAUNCH -> {}
            case INMIGRATE, FINISH_MIGRATE, POSTMIGRATE, INTERNAL_ERROR, SHUTDOWN ->
                throw new MigrationException.Refused("Memory can neither be added nor taken away: the guest is "
                        + now.publicName() + " on this host" + owner());
        }
        if (run.isUndecided()) {
            throw new MigrationException.Refused(
                    "Memory can neither be added nor taken away: whether the destination of"
                            + " the last migration runs the guest is not known.");
        }
    }

    private String owner() {
        return statistics()
                .owner()
                .map(owner -> switch (owner) {
                    case HERE -> "; it is here.";
                    case PEER -> "; the other side of its migration has it.";
                    case UNDECIDED -> "; which side of its migration has it is not known.";
                })
                .orElse(", and no migration has ended that says who has it.");
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
    public synchronized void calcDirtyRate(DirtyRateRequest request) {
        refuseIfClosed();
        if (run.state() != RunState.RUNNING) {
            throw new MigrationException.Refused("The guest is " + run.state().publicName()
                    + "; how fast it writes can be measured while it is running.");
        }
        MigrationStatistics now = statistics();
        if (isArriving(now)) {
            throw new MigrationException.Refused("The guest's memory is still arriving ("
                    + now.status().publicName() + "); its dirty rate can be measured when all of it is there.");
        }
        if (!now.status().isEnded() && request.mode().needsTracker()) {
            throw new MigrationException.Refused("A migration (" + now.status().publicName()
                    + ") has the guest's tracker, so the mode " + request.mode().publicName()
                    + " is not possible now; query-migrate tells the dirty rate, and page-sampling measures besides.");
        }
        if (request.mode().needsTracker() && !limits.picture().isEmpty()) {
            throw new MigrationException.Refused(
                    "The limits of vCPUs' dirty rates have the guest's tracker, so the mode "
                            + request.mode().publicName()
                            + " is not possible now; query-vcpu-dirty-limit tells what these"
                            + " vCPUs dirty, and page-sampling measures besides.");
        }
        dirtyRate.start(request);
    }

    @Override
    public DirtyRate dirtyRate() {
        return dirtyRate.latest();
    }

    @Override
    public synchronized void setVcpuDirtyLimit(OptionalLong vcpu, long mebibytesPerSecond) {
        List<Integer> which = limits.vcpus(vcpu);
        refuseLimits("set");
        if (mebibytesPerSecond == 0) {
            limits.cancel(which);
            return;
        }
        if (run.state() == RunState.INMIGRATE || isArriving(statistics())) {
            throw new MigrationException.Refused(
                    "The guest's memory is not here yet; what its vCPUs dirty can be limited when all of it is.");
        }
        dirtyRate.yieldTracker("a limit of vCPUs' dirty rates was set");
        limits.set(which, mebibytesPerSecond);
    }

    @Override
    public synchronized void cancelVcpuDirtyLimit(OptionalLong vcpu) {
        List<Integer> which = limits.vcpus(vcpu);
        refuseLimits("cancel");
        limits.cancel(which);
    }

    @Override
    public List<VcpuDirtyLimit> vcpuDirtyLimits() {
        return limits.picture();
    }

    private void refuseLimits(String what) {
        refuseIfClosed();
        MigrationStatistics now = statistics();
        if (now.outgoing() && !now.status().isEnded() && capabilities.contains(Capability.DIRTY_LIMIT)) {
            throw new MigrationException.Refused("can't " + what + " dirty page rate limit while migration is running");
        }
    }

    @Override
    public MigrationParameters parameters() {
        return parameters;
    }

    @Override
    public void setParameters(MigrationParameters next) {
        parameters = next;
        throttle.parametersChanged();
    }

    @Override
    public Set<Capability> capabilities() {
        return capabilities;
    }

    /**
     * Switches a capability.
     *
     * @throws MigrationException.Refused if this version or this host does not have it, or a migration runs
     */
    public void setCapability(Capability capability, boolean on) {
        setCapabilities(on ? Set.of(capability) : Set.of(), on ? Set.of() : Set.of(capability));
    }

    /**
     * Switches several capabilities at once: all, or none if what came of it could not be.
     *
     * @throws MigrationException.Refused if one cannot be had here, they do not go together, or a migration runs
     */
    public synchronized void setCapabilities(Set<Capability> on, Set<Capability> off) {
        Set<Capability> next = new HashSet<>(capabilities);
        next.addAll(on);
        next.removeAll(off);
        refuseWhileActive();
        CapabilityRules.check(next);
        if (on.contains(Capability.POSTCOPY_RAM)
                && run.state() == RunState.INMIGRATE
                && guest.missingPages().support(guest.ram().snapshot().blocks())
                        instanceof Support.Missing(String sentence)) {
            throw new MigrationException.Refused("Postcopy to this host is not possible: " + sentence + ".");
        }
        capabilities = Set.copyOf(next);
    }

    /**
     * Whether an incoming migration hashes each page as it comes; takes effect with the next {@link #migrateIncoming}.
     */
    public void setVerifying(boolean on) {
        verifying = on;
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

    /**
     * Ends what runs, for good: an outgoing migration is cancelled, an incoming one given up. The guest itself stays.
     */
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
        dirtyRate.close();
        limits.close();
        try {
            boolean _ = awaitEnd(CLOSE_PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean isArriving(MigrationStatistics now) {
        return !now.outgoing() && !now.status().isEnded();
    }

    private final class Surroundings implements VcpuDirtyLimits.Surroundings {
        @Override
        public boolean isTrackerFree() {
            return run.state() == RunState.RUNNING && statistics().status().isEnded();
        }

        @Override
        public long migrationPagesPerSecond() {
            MigrationStatistics now = statistics();
            return now.outgoing() && !now.status().isEnded() ? now.ram().dirtyPagesPerSecond() : 0;
        }

        @Override
        public long migrationSyncs() {
            return statistics().throttle().syncs();
        }
    }

    private void refuseIfClosed() {
        if (closed) {
            throw new MigrationException.Refused("This host is ending.");
        }
    }

    private void refuseWhileActive() {
        refuseIfClosed();
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
