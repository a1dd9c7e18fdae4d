// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines;

import io.godwit.engine.guest.DeviceState;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.HostPages;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.guest.Origin;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Runs a guest whose RAM arrives as it is missed, while the collector stops the world again and again, other threads
 * allocate, and others ask for the guest's figures. The first law is broken where this does not come to its end.
 */
final class ArrivalUnderCollector {
    static final long MEMORY = 16L << 20;
    private static final long DELAY_NANOS = 30_000;
    private static final long GC_PERIOD_NANOS = 3_000_000;

    private static final Duration DEADLINE = Duration.ofSeconds(10);

    private static volatile boolean over;
    private static volatile Object kept = new Object();

    private ArrivalUnderCollector() {}

    /**
     * Takes the kind of the guest, its pages and how many vCPUs it has; ends with status 0 if every page was what it
     * must be.
     */
    public static void main(String[] arguments) throws InterruptedException {
        Workload all = new Workload(GuestProgram.STEPPER, 0, 0, WriteOrder.RANDOM, RamFill.RANDOM, 7);
        GuestOptions options = GuestOptions.defaults()
                .withKind(GuestKind.valueOf(arguments[0]))
                .withPages(HostPages.valueOf(arguments[1]))
                .withCpus(Integer.parseInt(arguments[2]))
                .withMemoryBytes(MEMORY)
                .withWorkload(all);
        try (Machine from = Machines.make(options, Origin.BOOT);
                Machine to = Machines.make(options, Origin.ARRIVAL)) {
            from.vcpus().resume();
            await(() -> from.workPages() > 2000, from);
            from.vcpus().pause(DEADLINE);
            List<Thread> storm = List.of(
                    storm("collector", () -> {
                        System.gc();
                        LockSupport.parkNanos(GC_PERIOD_NANOS);
                    }),
                    storm("allocator", () -> kept = new ArrayList<>(List.of(new byte[100_000]))),
                    storm("reader", () -> {
                        kept = "%d %d %s".formatted(to.workPages(), to.mismatches(), to.firstMismatch());
                        LockSupport.parkNanos(50_000);
                    }));
            int faults = arrive(from, to);
            over = true;
            for (Thread thread : storm) {
                thread.join();
            }
            System.out.println(faults + " faults, " + to.mismatches() + " mismatches " + to.firstMismatch());
            if (to.mismatches() != 0) {
                throw new AssertionError("pages were lost: " + to.firstMismatch());
            }
        }
    }

    private static int arrive(Machine from, Machine to) {
        long pages = to.ram().snapshot().blocks().getFirst().pageCount();
        try (LatePages late = new LatePages(from, to, DELAY_NANOS)) {
            to.acceptDevices(from.devices().stream().map(DeviceState::save).toList());
            to.vcpus().resume();
            long before = from.workPages();
            await(() -> to.workPages() > before + 2 * pages, to);
            late.pushRest();
            to.vcpus().pause(DEADLINE);
            return late.asked();
        }
    }

    private static void await(BooleanSupplier condition, Machine machine) {
        while (!condition.getAsBoolean()) {
            if (machine.failure().isPresent()) {
                throw new AssertionError(machine.failure().get());
            }
            LockSupport.parkNanos(200_000);
        }
    }

    private static Thread storm(String name, Runnable gust) {
        Thread thread = new Thread(
                () -> {
                    while (!over) {
                        gust.run();
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}
