// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import io.godwit.engine.Migrator;
import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * One of our machines with all that a host has around it: the right to run, the run state, the migrator. What {@code
 * godwit host} is made of, and what an embedder starts with; QMP's server takes it as its {@link HostControl}.
 */
public final class MachineHost implements HostControl, AutoCloseable {
    private static final Duration PROGRESS = Duration.ofSeconds(10);
    private static final Duration LOOK = Duration.ofMillis(100);

    private final Machine machine;
    private final RunControl run;
    private final Migrator migrator;
    private final CompletableFuture<Optional<String>> end = new CompletableFuture<>();
    private final ReentrantReadWriteLock closing = new ReentrantReadWriteLock();
    private final PassedDescriptors descriptors = new PassedDescriptors();
    private final MachineMemory memory;
    private final Optional<ServiceHost> service;
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
        this.migrator = new Migrator(machine, run, new SystemTransports(descriptors));
        migrator.setVerifying(verifying);
        migrator.addListener(new ExitOnError());
        this.memory = new MachineMemory(machine, migrator, this::doWhileOpen);
        this.service = machine.service().map(device -> new ServiceHost(device, run, migrator));
    }

    /**
     * Lets clients of the guest come in at this address; a port 0 lets the kernel choose. Once.
     *
     * @throws HostException if the guest is no service, or the address cannot be had
     */
    public void openService(SocketAddress address) {
        service.orElseThrow(() -> new HostException("The guest is no service: nobody can ask it."))
                .open(address);
    }

    /** Where clients come in; empty if nowhere. */
    public Optional<SocketAddress> serviceAddress() {
        return service.flatMap(ServiceHost::address);
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
        service.ifPresent(ServiceHost::close);
        migrator.close();
        descriptors.close();
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
    public Optional<String> whyStill() {
        return run.whyStill();
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
    public Optional<String> lossAtEnd() {
        return LossAtEnd.of(migrator.statistics());
    }

    /**
     * Waits until the end of this host loses nothing, for as long as {@code x-drain-timeout} allows.
     *
     * @param progress hears now and then what would be lost
     * @return what is lost if the host ends all the same
     */
    public Optional<String> awaitNoLoss(Consumer<String> progress) throws InterruptedException {
        long begin = System.nanoTime();
        long told = begin;
        Optional<String> loss = lossAtEnd();
        while (loss.isPresent()
                && System.nanoTime() - begin
                        < Duration.ofMillis(migrator.parameters().drainTimeoutMillis())
                                .toNanos()) {
            if (System.nanoTime() - told >= PROGRESS.toNanos()) {
                told = System.nanoTime();
                progress.accept(loss.get());
            }
            boolean _ = migrator.awaitEnd(LOOK);
            loss = lossAtEnd();
        }
        return loss;
    }

    @Override
    public void migrateIncoming(String uri, boolean exitOnErrorAsked) {
        exitOnError = exitOnErrorAsked;
        migrator.migrateIncoming(uri);
    }

    @Override
    public void setCapabilities(Set<Capability> on, Set<Capability> off) {
        migrator.setCapabilities(on, off);
        if (on.contains(Capability.POSTCOPY_RAM)) {
            Machines.rehearsePostcopy(machine.kind());
        }
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
    public PassedDescriptors descriptors() {
        return descriptors;
    }

    @Override
    public Migrator migration() {
        return migrator;
    }

    @Override
    public GuestFigures guestFigures(GuestFigures.HeartbeatQuery query) {
        return whileOpen(() -> GuestFigures.of(machine, query));
    }

    @Override
    public PageDigests ramDigest() {
        return whileOpen(migrator::digestsAtSwitchover);
    }

    private void doWhileOpen(Runnable what) {
        Runnable _ = whileOpen(() -> {
            what.run();
            return what;
        });
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
