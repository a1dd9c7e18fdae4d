// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.godwit.engine.arbiter.FileLockArbiter;
import io.godwit.engine.guest.RunState;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.linux.kvm.Kvm;
import io.godwit.linux.kvm.KvmSupport;
import io.godwit.linux.memory.Support;
import io.godwit.linux.memory.Userfaultfd;
import io.godwit.machines.Machines;
import io.godwit.machines.client.ClientFigures;
import io.godwit.machines.client.ClientLoad;
import io.godwit.machines.client.ClientSettings;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.memory.MemoryMachine;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import io.godwit.machines.service.ServiceAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Guests that are services move from host to host, and their clients are told nothing wrong. */
@Tag("kernel")
@Timeout(180)
final class ServiceMoveTest {
    private static final long PATIENCE_NANOS = 60_000_000_000L;
    private static final long ANSWERS = 300;

    @TempDir
    private Path locks = Path.of("");

    private static GuestOptions options(GuestKind kind) {
        if (kind == GuestKind.KVM && Kvm.support() instanceof KvmSupport.Missing missing) {
            assumeTrue(false, missing.reason());
        }
        Workload workload = new Workload(GuestProgram.SERVICE, 4L << 20, 0, WriteOrder.SWEEP, RamFill.RANDOM, 4711);
        return GuestOptions.defaults().withKind(kind).withMemoryBytes(16L << 20).withWorkload(workload);
    }

    private MachineHost host(GuestOptions options, Origin origin) {
        // What a program marks is known while its memory arrives; write protection is not to be had then.
        Machine machine = options.kind() == GuestKind.MEMORY
                ? MemoryMachine.create(options, origin, MemoryMachine.Tracking.MARKS)
                : Machines.create(options, origin);
        MachineHost host = new MachineHost(machine, new FileLockArbiter(locks), origin, false);
        host.openService(ServiceAddress.parse("tcp:127.0.0.1:0"));
        return host;
    }

    private static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE_NANOS;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(end);
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static void awaitAnswers(ClientLoad load) {
        long before = load.figures().answers();
        await(
                "answers",
                () -> load.figures().answers() > before + ANSWERS
                        || !load.figures().findings().isEmpty());
    }

    private static ClientLoad clients(MachineHost... hosts) {
        return ClientLoad.start(ClientSettings.of(
                        List.of(hosts).stream()
                                .map(host -> host.serviceAddress().orElseThrow())
                                .toList(),
                        4)
                .withMix(new ClientSettings.Mix(40, 5, 50, 5)));
    }

    /** There and back again, each way with clients that ask. */
    private void move(GuestKind kind, Capability... capabilities) throws InterruptedException {
        Set<Capability> all = Set.of(capabilities);
        boolean postcopy = all.contains(Capability.POSTCOPY_RAM);
        if (postcopy && Userfaultfd.support(Set.of(), faults(kind)) instanceof Support.Missing missing) {
            abort(missing.sentence());
        }
        GuestOptions options = options(kind);
        try (MachineHost from = host(options, Origin.BOOT);
                MachineHost to = host(options, Origin.ARRIVAL);
                ClientLoad load = clients(to, from)) {
            from.setCapabilities(all, Set.of());
            to.setCapabilities(all, Set.of());
            from.migration()
                    .setParameters(from.migration()
                            .parameters()
                            .with(MigrationParameter.SAFE_EPOCH, 5)
                            .with(MigrationParameter.MAX_POSTCOPY_BANDWIDTH, 8 << 20));
            from.cont();
            awaitAnswers(load);
            to.migrateIncoming("tcp:127.0.0.1:0", false);
            from.migration().migrate(to.migration().statistics().listenAddress().orElseThrow());
            if (postcopy) {
                from.migration().startPostcopy();
            }
            await("the end", () -> isOver(from) && isOver(to));
            assertThat(from.migration().statistics().error()).isEmpty();
            assertThat(to.migration().statistics().error()).isEmpty();
            awaitAnswers(load);
            ClientFigures figures = load.stop();
            assertThat(figures.findings()).isEmpty();
            assertThat(figures.reconnects()).isGreaterThanOrEqualTo(4);
            assertThat(to.runState()).isEqualTo(RunState.RUNNING);
            assertThat(to.guestFigures(new GuestFigures.HeartbeatQuery(0, 0, 0)).mismatches())
                    .isZero();
        }
    }

    private static boolean isOver(MachineHost host) {
        MigrationStatus status = host.migration().statistics().status();
        return status == MigrationStatus.COMPLETED || status == MigrationStatus.FAILED;
    }

    private static Userfaultfd.Faults faults(GuestKind kind) {
        return kind == GuestKind.KVM ? Userfaultfd.Faults.USER_AND_KERNEL : Userfaultfd.Faults.USER;
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void precopyTellsClientsNothingWrong(GuestKind kind) throws InterruptedException {
        move(kind);
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void postcopyTellsClientsNothingWrong(GuestKind kind) throws InterruptedException {
        move(kind, Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT);
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void safePostcopyTellsClientsNothingWrong(GuestKind kind) throws InterruptedException {
        move(kind, Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT, Capability.POSTCOPY_SAFE);
    }

    @Test
    void hostOfAGuestThatIsNoServiceHasNoDoor() {
        GuestOptions options = options(GuestKind.MEMORY);
        Workload idle = new Workload(GuestProgram.IDLE, 0, 0, WriteOrder.SWEEP, RamFill.ZERO, 0);
        try (MachineHost host = new MachineHost(
                Machines.create(options.withWorkload(idle)), new FileLockArbiter(locks), Origin.BOOT, false)) {
            assertThatThrownBy(() -> host.openService(ServiceAddress.parse("tcp:127.0.0.1:0")))
                    .isInstanceOf(HostException.class)
                    .hasMessageContaining("no service");
            assertThat(host.serviceAddress()).isEmpty();
        }
    }
}
