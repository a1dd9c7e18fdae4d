// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.engine.transport.Descriptors;
import io.godwit.engine.transport.SystemTransports;
import io.godwit.engine.transport.Transports;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.testkit.guest.CountingGuest;
import java.nio.file.Path;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * Both sides of a postcopy in this JVM; the guests may wait for pages, and each side has an arbiter, as two hosts have.
 */
final class PostcopyPair implements AutoCloseable {
    final CountingGuest.Census census = new CountingGuest.Census();
    final CountingGuest sourceGuest;
    final CountingGuest destinationGuest;
    final RunControl sourceRun;
    final RunControl destinationRun;
    final Migrator source;
    final Migrator destination;

    PostcopyPair(Path locks) {
        this(locks, locks);
    }

    PostcopyPair(Path sourceLocks, Path destinationLocks) {
        this(sourceLocks, destinationLocks, new SystemTransports(Descriptors.ANY_NUMBER));
    }

    PostcopyPair(Path sourceLocks, Path destinationLocks, Transports destinationTransports) {
        this(
                sourceLocks,
                destinationLocks,
                destinationTransports,
                () -> NativeMemory.mapAnonymous(CountingGuest.RAM_BYTES),
                RamBlock.PAGE_BYTES);
    }

    /** With guests in memory of the test's choice, backed by pages of so many bytes. */
    PostcopyPair(Path locks, Supplier<NativeMemory> memory, int pageBytes) {
        this(locks, locks, new SystemTransports(Descriptors.ANY_NUMBER), memory, pageBytes);
    }

    private PostcopyPair(
            Path sourceLocks,
            Path destinationLocks,
            Transports destinationTransports,
            Supplier<NativeMemory> memory,
            int pageBytes) {
        if (Userfaultfd.support(Set.of(), Userfaultfd.Faults.USER) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
        sourceGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census, memory.get(), pageBytes);
        destinationGuest = CountingGuest.byDowncalls(UUID.randomUUID(), census, memory.get(), pageBytes);
        sourceRun = new RunControl(sourceGuest, new FileLockArbiter(sourceLocks), RunState.PRELAUNCH);
        destinationRun = new RunControl(destinationGuest, new FileLockArbiter(destinationLocks), RunState.INMIGRATE);
        source = new Migrator(sourceGuest, sourceRun);
        destination = new Migrator(destinationGuest, destinationRun, destinationTransports);
        MigrationParameters parameters = MigrationParameters.DEFAULTS
                .with(MigrationParameter.MAX_BANDWIDTH, 0)
                .with(MigrationParameter.HANDOVER_TIMEOUT, 3000)
                .with(MigrationParameter.CONNECT_TIMEOUT, 3000);
        source.setParameters(parameters);
        destination.setParameters(parameters);
        source.setCapability(Capability.POSTCOPY_RAM, true);
        destination.setCapability(Capability.POSTCOPY_RAM, true);
        destination.setVerifying(true);
        sourceGuest.fill(7);
        sourceRun.cont();
    }

    void usePreempt() {
        source.setCapability(Capability.POSTCOPY_PREEMPT, true);
        destination.setCapability(Capability.POSTCOPY_PREEMPT, true);
    }

    String listen() {
        destination.migrateIncoming("tcp:127.0.0.1:0");
        return address();
    }

    String address() {
        return destination.statistics().listenAddress().orElseThrow();
    }

    /** Both sides go on over a new connection. */
    void recover() {
        destination.recover("tcp:127.0.0.1:0");
        source.resume(address());
    }

    /** Nothing more happens by itself on this side. */
    static boolean rests(Migrator migrator) {
        MigrationStatus status = migrator.statistics().status();
        return status.isEnded() || status == MigrationStatus.POSTCOPY_PAUSED;
    }

    void awaitStatus(Migrator side, MigrationStatus wanted) {
        awaitThat(() -> side.statistics().status() == wanted, "a side is " + wanted.publicName());
    }

    /** Cuts the connection on purpose. */
    void pause(Migrator side) {
        side.pausePostcopy();
        awaitStatus(source, MigrationStatus.POSTCOPY_PAUSED);
        awaitStatus(destination, MigrationStatus.POSTCOPY_PAUSED);
    }

    void awaitRest() {
        awaitThat(() -> rests(source) && rests(destination), "both sides rest");
    }

    void awaitThat(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + Pair.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError(
                        what + "; source: " + source.statistics() + "; destination: " + destination.statistics());
            }
            LockSupport.parkNanos(200_000);
        }
    }

    void assertArrived() {
        awaitRest();
        assertThat(source.statistics().error()).isEmpty();
        assertThat(destination.statistics().error()).isEmpty();
        assertThat(source.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(destination.statistics().status()).isEqualTo(MigrationStatus.COMPLETED);
        assertThat(sourceRun.state()).isEqualTo(RunState.POSTMIGRATE);
        assertThat(destinationRun.state()).isEqualTo(RunState.RUNNING);
        assertCountsOn(destinationGuest);
        assertWholeAndAlone();
    }

    void assertStayed() {
        assertThat(source.statistics().owner()).contains(GuestOwner.HERE);
        assertThat(sourceRun.state()).isEqualTo(RunState.RUNNING);
        assertThat(destinationRun.state()).isNotEqualTo(RunState.RUNNING);
        assertCountsOn(sourceGuest);
        assertWholeAndAlone();
    }

    private void assertWholeAndAlone() {
        assertThat(sourceGuest.mismatches.get() + destinationGuest.mismatches.get())
                .as("mismatches the guest saw")
                .isZero();
        assertThat(census.most.get()).as("copies that ran at one instant").isEqualTo(1);
    }

    private void assertCountsOn(CountingGuest guest) {
        long from = guest.counter();
        awaitThat(() -> guest.counter() > from + 200, "the guest runs");
    }

    @Override
    public void close() {
        source.close();
        destination.close();
        sourceRun.shutdown();
        destinationRun.shutdown();
        sourceGuest.close();
        destinationGuest.close();
    }
}
