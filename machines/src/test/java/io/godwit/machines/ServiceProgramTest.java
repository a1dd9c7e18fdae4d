// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.memory.RamBlock;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.ServiceLayout;
import io.godwit.machines.service.ServiceDevice;
import io.godwit.machines.service.TestCustomer;
import io.godwit.stream.DeviceSection;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The service program, the same in machine code and in Java. */
@Tag("kernel")
final class ServiceProgramTest {
    private static final int CLIENT = 17;

    private static Machine machine(GuestKind kind, Origin origin) {
        return TestMachines.create(
                TestMachines.options(kind, GuestProgram.SERVICE).withCpus(2), origin);
    }

    /** A guest and its one customer. */
    private record Served(Machine machine, ServiceDevice device, TestCustomer customer) {
        static Served by(Machine machine) {
            ServiceDevice device = machine.service().orElseThrow();
            TestCustomer customer = new TestCustomer();
            assertThat(device.join(customer)).isTrue();
            machine.vcpus().resume();
            return new Served(machine, device, customer);
        }

        void send(long number, long operation, long key, long value) throws InterruptedException {
            assertThat(device.ask(TestCustomer.request(CLIENT, number, operation, key, value), customer))
                    .isTrue();
        }

        long[] ask(long number, long operation, long key, long value) throws InterruptedException {
            send(number, operation, key, value);
            return customer.next();
        }

        long value(long number, long operation, long key, long value) throws InterruptedException {
            long[] answer = ask(number, operation, key, value);
            assertThat(answer).startsWith(CLIENT, number, 0);
            return answer[3];
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void answersDependOnMemoryAndRepeatsAreNotDoneTwice(GuestKind kind) throws InterruptedException {
        try (Machine machine = machine(kind, Origin.BOOT)) {
            Served served = Served.by(machine);
            long[] first = served.ask(1, ServiceLayout.READ, 5, 0);
            assertThat(first).startsWith(CLIENT, 1, 0);
            assertThat(first[4]).isEqualTo(first[3]);
            assertThat(first[5]).isEqualTo(1);
            long[] second = served.ask(2, ServiceLayout.ADD, 5, 1000);
            assertThat(second)
                    .containsExactly(
                            CLIENT,
                            2,
                            0,
                            first[3] + 1000,
                            first[4] * ServiceLayout.CHECKSUM_FACTOR + first[3] + 1000,
                            2);
            assertThat(served.ask(2, ServiceLayout.ADD, 5, 1000)).containsExactly(second);
            assertThat(served.value(3, ServiceLayout.READ, 5, 0)).isEqualTo(first[3] + 1000);
            assertThat(served.ask(5, ServiceLayout.READ, 5, 0)).startsWith(CLIENT, 5, 1, 3);
            assertThat(served.ask(0, ServiceLayout.READ, 5, 0)).startsWith(CLIENT, 0, 1, 3);
            assertThat(machine.mismatches()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void touchWritesItsPagesAndFindsThoseThatWereLost(GuestKind kind) throws InterruptedException {
        try (Machine machine = machine(kind, Origin.BOOT)) {
            Served served = Served.by(machine);
            long before = machine.workPages();
            assertThat(served.value(1, ServiceLayout.TOUCH, 0, 100)).isEqualTo(100);
            assertThat(machine.workPages() - before).isEqualTo(100);
            long all = served.value(2, ServiceLayout.TOUCH, 0, 65_536);
            assertThat(all).isBetween(400L, 1023L);
            assertThat(served.value(3, ServiceLayout.TOUCH, 0, 65_536)).isEqualTo(all);
            assertThat(served.value(4, ServiceLayout.TOUCH, 0, 0)).isZero();
            assertThat(machine.mismatches()).isZero();

            machine.vcpus().pause(TestMachines.DEADLINE);
            NativeMemory ram = machine.ram().snapshot().blocks().getFirst().memory();
            // The working set's last page is one that is touched.
            long page = (2L << 20) + (4L << 20) - RamBlock.PAGE_BYTES;
            ram.putLong(page, ram.getLong(page) - 1);
            machine.vcpus().resume();
            long _ = served.value(5, ServiceLayout.TOUCH, 0, 65_536);
            assertThat(machine.mismatches()).isEqualTo(1);
            assertThat(machine.firstMismatch())
                    .hasValueSatisfying(found -> assertThat(found.page()).isEqualTo(page / RamBlock.PAGE_BYTES));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void clockDiffersEachTime(GuestKind kind) throws InterruptedException {
        try (Machine machine = machine(kind, Origin.BOOT)) {
            Served served = Served.by(machine);
            long first = served.value(1, ServiceLayout.CLOCK, 0, 0);
            assertThat(served.value(1, ServiceLayout.CLOCK, 0, 0)).isEqualTo(first);
            assertThat(served.value(2, ServiceLayout.CLOCK, 0, 0)).isGreaterThan(first);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void serviceBeatsWhileNobodyAsks(GuestKind kind) {
        try (Machine machine = machine(kind, Origin.BOOT)) {
            machine.vcpus().resume();
            TestMachines.await(
                    () -> machine.heartbeats().vcpus().stream().allMatch(vcpu -> vcpu.count() > 500), machine);
            machine.vcpus().pause(TestMachines.DEADLINE);
            assertThat(machine.guestBeats())
                    .isBetween(
                            machine.heartbeats().count() - 2,
                            machine.heartbeats().count());
        }
    }

    /** Stops come wherever the guest is; another copy goes on from each, and knows all that was answered. */
    @ParameterizedTest
    @EnumSource(names = {"KVM", "MEMORY"})
    void anotherCopyGoesOnFromWhereverTheGuestWasStopped(GuestKind kind) throws InterruptedException {
        Machine here = machine(kind, Origin.BOOT);
        long number = 0;
        long sum = 0;
        long base = 0;
        try {
            for (int round = 0; round < 20; round++) {
                Served served = Served.by(here);
                if (round == 0) {
                    base = served.value(++number, ServiceLayout.READ, 9, 0);
                }
                for (int i = 0; i < 50; i++) {
                    sum += i;
                    assertThat(served.value(++number, ServiceLayout.ADD, 9, i)).isEqualTo(base + sum);
                }
                for (int i = 1; i <= 40; i++) {
                    served.send(number + i, ServiceLayout.ADD, 9, 1);
                }
                here.vcpus().pause(TestMachines.DEADLINE);
                List<DeviceSection> devices =
                        here.devices().stream().map(device -> device.save()).toList();
                Machine there = machine(kind, Origin.ARRIVAL);
                RamBlock from = here.ram().snapshot().blocks().getFirst();
                NativeMemory.copy(
                        from.memory(),
                        0,
                        there.ram().snapshot().blocks().getFirst().memory(),
                        0,
                        from.usedLength());
                here.close();
                here = there;
                here.acceptDevices(devices);
                here.service().orElseThrow().admit();
                number += 40;
                sum += 40;
                Served again = Served.by(here);
                assertThat(again.value(number, ServiceLayout.ADD, 9, 1)).isEqualTo(base + sum);
                again.device().leave(again.customer());
                here.vcpus().pause(TestMachines.DEADLINE);
            }
            assertThat(here.mismatches()).isZero();
        } finally {
            here.close();
        }
    }
}
