// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.tracking.DirtyRate;
import io.godwit.engine.tracking.DirtyRateRequest;
import io.godwit.engine.tracking.VcpuDirtyLimit;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.TouchCounts;
import io.godwit.machines.vcpu.Heartbeat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One of our machines with all that a host has around it: the right to run, the run state, the migrator. What {@code
 * godwit host} is made of, and what an embedder gives to a {@link QmpServer}.
 */
public final class MachineHost implements HostControl, AutoCloseable {
    private final Machine machine;
    private final RunControl run;
    private final Migrator migrator;
    private final CompletableFuture<Optional<String>> end = new CompletableFuture<>();
    private final ReentrantReadWriteLock closing = new ReentrantReadWriteLock();
    private final MachineMemory memory;
    private volatile boolean exitOnError;

    // Guarded by closing, which keeps the guest's memory from going away while it is read.
    private boolean closed;

    /**
     * Takes charge of a machine that does not run yet, and of its arbiter.
     *
     * @param origin whether the guest starts here or is awaited
     * @param verifying whether an arriving guest's pages are hashed as they come, for {@link #ramDigest}
     */
    public MachineHost(Machine machine, Arbiter arbiter, Origin origin, boolean verifying) {
        this.machine = machine;
        this.run = new RunControl(
                machine,
                arbiter,
                switch (origin) {
                    case BOOT -> RunState.PRELAUNCH;
                    case ARRIVAL -> RunState.INMIGRATE;
                });
        this.migrator = new Migrator(machine, run);
        migrator.setVerifying(verifying);
        migrator.addListener(new ExitOnError());
        this.memory = new MachineMemory(machine, migrator, new WhileOpen());
    }

    /**
     * The guest that is awaited shall stand still when it has arrived, until {@link #cont}.
     *
     * @throws MigrationException.Refused if none is awaited
     */
    public void pauseOnArrival() {
        run.pauseOnArrival();
    }

    /**
     * Waits until somebody asked the host to end.
     *
     * @return what went wrong, if it ends for that
     */
    public Optional<String> awaitQuit() {
        return end.join();
    }

    /** Ends what runs, the guest last; the right to run is given back. */
    @Override
    public void close() {
        migrator.close();
        run.shutdown();
        closing.writeLock().lock();
        try {
            closed = true;
            machine.close();
        } finally {
            closing.writeLock().unlock();
        }
    }

    @Override
    public RunState runState() {
        return run.state();
    }

    @Override
    public void stop() {
        run.stop();
    }

    @Override
    public void cont() {
        run.cont();
    }

    @Override
    public void quit() {
        end.complete(Optional.empty());
    }

    @Override
    public void migrate(String uri) {
        migrator.migrate(uri);
    }

    @Override
    public void migrateIncoming(String uri, boolean exitOnErrorAsked) {
        exitOnError = exitOnErrorAsked;
        migrator.migrateIncoming(uri);
    }

    @Override
    public void startPostcopy() {
        migrator.startPostcopy();
    }

    @Override
    public void pausePostcopy() {
        migrator.pausePostcopy();
    }

    @Override
    public void recover(String uri) {
        migrator.recover(uri);
    }

    @Override
    public void resume(String uri) {
        migrator.resume(uri);
    }

    @Override
    public void cancel() {
        if (migrator.statistics().status().isPostcopy()) {
            throw new MigrationException.Refused(
                    "The guest runs at the destination already, so the migration cannot be cancelled any more;"
                            + " migrate-pause interrupts it.");
        }
        migrator.cancel();
    }

    @Override
    public void continueFrom(MigrationStatus status) {
        migrator.continueFrom(status);
    }

    @Override
    public MigrationStatistics statistics() {
        return migrator.statistics();
    }

    @Override
    public void commandTook(String name, long nanos) {
        migrator.commandTook(name, nanos);
    }

    @Override
    public void calcDirtyRate(DirtyRateRequest request) {
        migrator.calcDirtyRate(request);
    }

    @Override
    public DirtyRate dirtyRate() {
        return migrator.dirtyRate();
    }

    @Override
    public void setVcpuDirtyLimit(OptionalLong vcpu, long mebibytesPerSecond) {
        migrator.setVcpuDirtyLimit(vcpu, mebibytesPerSecond);
    }

    @Override
    public void cancelVcpuDirtyLimit(OptionalLong vcpu) {
        migrator.cancelVcpuDirtyLimit(vcpu);
    }

    @Override
    public List<VcpuDirtyLimit> vcpuDirtyLimits() {
        return migrator.vcpuDirtyLimits();
    }

    @Override
    public MigrationParameters parameters() {
        return migrator.parameters();
    }

    @Override
    public void setParameters(MigrationParameters parameters) {
        migrator.setParameters(parameters);
    }

    @Override
    public Set<Capability> capabilities() {
        return migrator.capabilities();
    }

    @Override
    public void setCapabilities(Set<Capability> on, Set<Capability> off) {
        migrator.setCapabilities(on, off);
        if (on.contains(Capability.POSTCOPY_RAM)) {
            Machines.rehearsePostcopy(machine.kind());
        }
    }

    @Override
    public void addMigrationListener(MigrationListener listener) {
        migrator.addListener(listener);
    }

    @Override
    public void addRunListener(RunControl.Listener listener) {
        run.addListener(listener);
    }

    @Override
    public MemoryControl memory() {
        return memory;
    }

    @Override
    public ObjectNode guestFigures(HeartbeatQuery query) {
        return whileOpen(() -> figures(query));
    }

    private ObjectNode figures(HeartbeatQuery query) {
        ObjectNode figures = Json.object()
                .put("kind", machine.kind().toString())
                .put("uuid", machine.identity().toString())
                .put("memory-bytes", machine.ram().snapshot().totalBytes())
                .put("tracker", machine.dirtyTracker().description())
                .put("work-pages", machine.workPages())
                .put("guest-beats", machine.guestBeats())
                .put("mismatches", machine.mismatches())
                .put("now-nanos", System.nanoTime());
        machine.firstMismatch().ifPresent(mismatch -> figures.put("first-mismatch", mismatch.toString()));
        machine.failure().ifPresent(failure -> figures.put("failure", failure.toString()));
        ArrayNode touches = figures.putArray("touch-cycles");
        long[] counts = machine.touches();
        for (int bucket = 0; bucket < counts.length; bucket++) {
            if (counts[bucket] != 0) {
                touches.add(Json.array().add(TouchCounts.upToCycles(bucket)).add(counts[bucket]));
            }
        }
        ArrayNode vcpus = figures.putArray("vcpus");
        long[] workPages = machine.vcpuWorkPages();
        long[] throttledNanos = machine.vcpus().throttledNanos();
        for (Heartbeat heartbeat : machine.heartbeats().vcpus()) {
            int index = vcpus.size();
            ObjectNode vcpu = Json.object()
                    .put("beats", heartbeat.count())
                    .put("work-pages", workPages[index])
                    .put("throttled-nanos", throttledNanos[index]);
            heartbeat.lastNanos().ifPresent(nanos -> vcpu.put("last-beat-nanos", nanos));
            heartbeat.firstAfter(query.afterNanos()).ifPresent(nanos -> vcpu.put("first-beat-nanos", nanos));
            if (query.toNanos() > query.fromNanos()) {
                vcpu.put("longest-gap-nanos", heartbeat.longestGap(query.fromNanos(), query.toNanos()));
            }
            vcpus.add(vcpu);
        }
        return figures;
    }

    @Override
    public ObjectNode ramDigest() {
        return whileOpen(this::digest);
    }

    private ObjectNode digest() {
        ObjectNode answer = Json.object();
        ArrayNode blocks = answer.putArray("blocks");
        for (PageDigests.BlockDigest digest : migrator.digestsAtSwitchover().blockDigests()) {
            blocks.add(Json.object()
                    .put("name", digest.idstr())
                    .put("pages", digest.pageCount())
                    .put("missing-pages", digest.missingPages())
                    .put("digest", Long.toHexString(digest.hash())));
        }
        return answer;
    }

    private final class WhileOpen implements MachineMemory.Keeper {
        @Override
        public <T> T whileOpen(Supplier<T> what) {
            return MachineHost.this.whileOpen(what);
        }
    }

    private <T> T whileOpen(Supplier<T> question) {
        closing.readLock().lock();
        try {
            if (closed) {
                throw new MigrationException.Refused("This host is ending; its guest is gone.");
            }
            return question.get();
        } finally {
            closing.readLock().unlock();
        }
    }

    private final class ExitOnError implements MigrationListener {
        @Override
        public void statusChanged(MigrationStatus status) {
            // A host that has its guest, however that came, does not end by itself.
            if (status == MigrationStatus.FAILED && exitOnError && run.state() == RunState.INMIGRATE) {
                // Statistics may not have the sentence yet: this is called in the middle of the change.
                end.completeAsync(
                        () -> migrator.statistics().error().or(() -> Optional.of("The guest did not arrive.")));
            }
        }

        @Override
        public void passStarted(int pass) {
            // Passes end no host.
        }
    }
}
