// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.godwit.engine.guest.DeviceState;
import io.godwit.engine.guest.DeviceStateException;
import io.godwit.engine.guest.SwitchoverRehearsal;
import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.stream.Bytes;
import io.godwit.stream.DeviceSection;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("kernel")
final class StateMoveTest {
    @ParameterizedTest
    @CsvSource({"KVM,DIRTIER,1", "KVM,DIRTIER,4", "KVM,STEPPER,2", "MEMORY,DIRTIER,2", "MEMORY,STEPPER,1"})
    void guestGoesOnInSecondMachine(GuestKind kind, GuestProgram program, int cpus) {
        GuestOptions options =
                TestMachines.unlimited(TestMachines.options(kind, program)).withCpus(cpus);
        try (Machine source = TestMachines.boot(options);
                Machine destination = TestMachines.create(options.withUuid(UUID.randomUUID()), Origin.ARRIVAL)) {
            destination.assumeIdentity(source.identity());
            for (int round = 0; round < 5; round++) {
                Machine from = round % 2 == 0 ? source : destination;
                Machine to = round % 2 == 0 ? destination : source;
                long before = from.workPages();
                from.vcpus().resume();
                TestMachines.await(() -> from.workPages() > before + 20_000, from);
                from.vcpus().pause(TestMachines.DEADLINE);
                move(from, to);
                assertThat(to.workPages()).isEqualTo(from.workPages());
            }
            destination.vcpus().resume();
            long moved = destination.workPages();
            TestMachines.await(() -> destination.workPages() > moved + 20_000, destination);
            destination.vcpus().pause(TestMachines.DEADLINE);
            assertThat(destination.mismatches())
                    .as(() -> "first: " + destination.firstMismatch())
                    .isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void rehearsalLeavesTheGuestAsItWas(GuestKind kind) {
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER).withCpus(2);
        try (Machine machine = TestMachines.boot(options)) {
            SwitchoverRehearsal.with(machine);
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > 5000, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertThat(machine.mismatches()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void arrivingGuestCanRehearseBeforeItHasState(GuestKind kind) {
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER);
        try (Machine machine = TestMachines.create(options, Origin.ARRIVAL)) {
            SwitchoverRehearsal.with(machine);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void mutatedStateIsRefusedOrTakenButBreaksNothing(GuestKind kind) {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        GuestOptions options = TestMachines.options(kind, GuestProgram.DIRTIER);
        try (Machine machine = TestMachines.boot(options)) {
            DeviceState cpu = machine.devices().getFirst();
            DeviceSection good = cpu.save();
            for (int i = 0; i < 300; i++) {
                byte[] bytes = good.payload().toByteArray();
                bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                try {
                    cpu.load(with(good, bytes));
                } catch (DeviceStateException refused) {
                    assertThat(refused).as("seed %d", seed).hasMessageContaining("/0: ");
                }
            }
            cpu.load(good);
            machine.vcpus().resume();
            TestMachines.await(() -> machine.workPages() > 5000, machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertThat(machine.mismatches()).as("seed %d", seed).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void truncatedStateIsRefused(GuestKind kind) {
        try (Machine machine = TestMachines.boot(TestMachines.options(kind, GuestProgram.IDLE))) {
            DeviceState cpu = machine.devices().getFirst();
            DeviceSection good = cpu.save();
            byte[] bytes = good.payload().toByteArray();
            byte[] cut = Arrays.copyOf(bytes, bytes.length - 1);
            assertThatThrownBy(() -> cpu.load(with(good, cut))).isInstanceOf(DeviceStateException.class);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void guestThatHasIdentityKeepsIt(GuestKind kind) {
        GuestOptions options = TestMachines.options(kind, GuestProgram.IDLE);
        try (Machine machine = TestMachines.boot(options)) {
            machine.assumeIdentity(options.uuid());
            assertThatThrownBy(() -> machine.assumeIdentity(UUID.randomUUID()))
                    .isInstanceOf(IllegalStateException.class);
        }
    }

    private static DeviceSection with(DeviceSection section, byte[] payload) {
        return new DeviceSection(
                section.idstr(),
                section.instanceId(),
                section.versionId(),
                Bytes.copyOf(payload),
                section.description());
    }

    private static void move(Machine from, Machine to) {
        RamBlock source = from.ram().snapshot().blocks().getFirst();
        RamBlock destination = to.ram().snapshot().blocks().getFirst();
        NativeMemory.copy(source.memory(), 0, destination.memory(), 0, source.usedLength());
        List<DeviceSection> sections =
                from.devices().stream().map(DeviceState::save).toList();
        to.acceptDevices(sections);
    }
}
