// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.engine.memory.RamBlock;
import io.godwit.machines.Machines;
import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.Machine;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * What a migration costs those who should not notice it: the control plane (how long query-migrate takes) and the guest
 * (how much it gets done), the latter beside what dirty tracking alone costs.
 */
public final class ControlBenchmark {
    private static final Path ASK_FLOOR =
            Path.of(System.getProperty("godwit.root", "."), "bench/target/native/askfloor");
    private static final long SECOND = 1_000_000_000L;
    private static final long WORK_NANOS = 3 * SECOND;
    private static final long ASK_NANOS = 1_000_000;
    private static final int ASK_COUNT = 2000;
    private static final long LIMIT = 200_000_000;
    private static final long WORKING_SET = 64L << 20;

    /**
     * How long a pass over the working set lasts at the limit: as often is it harvested where only tracking is
     * measured.
     */
    private static final long PASS_NANOS = WORKING_SET * SECOND / LIMIT;

    private static final List<String> GUEST = List.of("--guest", "kvm", "--memory", "1G", "--working-set", "64M");

    private final Series quiet = new Series("query-migrate without a migration", "ms");
    private final Series bulk = new Series("query-migrate during the bulk pass", "ms");
    private final Series waited = new Series("of which one of its threads waited for a processor", "ms");
    private final Series running = new Series("the same query-migrate without that", "ms");
    private final Series floorQuiet = new Series("p99 of the floor in C, without a transfer", "ms");
    private final Series floorBulk = new Series("p99 of the floor in C, beside a transfer", "ms");
    private final Series longestCommand = new Series("longest command at the source, by its own count", "ms");
    private final Series longestVcpu = new Series("longest wait of a vCPU at the source, by its own count", "ms");
    private final Series longestTrackerCall = new Series("longest call of the tracker at the source", "ms");
    private final Series migrating = new Series("work while migrating at 200 MB/s, of before", "");
    private final Series tracking = new Series("work under dirty tracking alone, of before", "");

    private ControlBenchmark() {}

    /** Measures {@code runs} migrations of each kind. */
    public static void run(int runs) throws Exception {
        ControlBenchmark benchmark = new ControlBenchmark();
        for (int i = 0; i < runs; i++) {
            benchmark.askAll();
            benchmark.askFloor();
            benchmark.workWhileMigrating();
            benchmark.workWhileTracking();
        }
        benchmark.print();
    }

    private void askAll() throws Exception {
        try (Host from = Host.godwit(with(GUEST, "--dirty-rate", "20000"));
                Host to = Host.godwit(with(GUEST, "--incoming", "tcp:127.0.0.1:0"))) {
            from.limit(0);
            String uri = to.listensAt();
            for (int i = 0; i < ASK_COUNT; i++) {
                // The first ones are the client's and the server's warming up.
                JsonNode _ = timed(from, i < ASK_COUNT / 2 ? new Series("", "") : quiet);
            }
            Floor.warm();
            from.migrate(uri);
            askInBulk(from);
            JsonNode _ = from.awaitEnd();
            JsonNode waits = from.ask("x-godwit-statistics").path("waits");
            longestCommand.add(longestMillis(waits.path("commands")));
            longestTrackerCall.add(longestMillis(waits.path("tracker-calls")));
            waits.path("vcpus").forEach(vcpu -> longestVcpu.add(longestMillis(vcpu)));
        }
    }

    /**
     * Asks until the first pass is over. The threads that a question goes through are the session's, the client's
     * reader, and the one that asks.
     */
    private void askInBulk(Host from) throws Exception {
        Optional<SchedulerTrace> trace = SchedulerTrace.of("qmp-?", "qmp-client*", "asker");
        List<long[]> spans = new ArrayList<>();
        Thread asker = Thread.ofPlatform().name("asker").start(() -> {
            boolean inBulk = true;
            while (inBulk) {
                Series one = new Series("", "");
                JsonNode answer = timed(from, one);
                long end = System.nanoTime();
                inBulk = switch (answer.path("status").asString("")) {
                    case "setup", "active" ->
                        answer.path("ram").path("dirty-sync-count").asInt(1) <= 1;
                    default -> false;
                };
                if (inBulk) {
                    bulk.add(one.median());
                    spans.add(new long[] {end - (long) (one.median() * 1e6), end});
                }
            }
        });
        asker.join();
        if (trace.isPresent()) {
            try (SchedulerTrace traced = trace.get()) {
                List<Long> nanos = traced.waitedNanos(spans);
                for (int i = 0; i < nanos.size(); i++) {
                    long[] span = spans.get(i);
                    waited.add(nanos.get(i) / 1e6);
                    running.add((span[1] - span[0] - nanos.get(i)) / 1e6);
                }
            }
        }
    }

    /** The same question in C, where nothing but the kernel's scheduling can make it slow. */
    private void askFloor() throws Exception {
        if (Files.isExecutable(ASK_FLOOR)) {
            Floor.warm();
            Map<String, Double> values = Floor.values(List.of(ASK_FLOOR.toString(), "-n", Integer.toString(ASK_COUNT)));
            floorQuiet.add(values.getOrDefault("quiet_p99_us", Double.NaN) / 1e3);
            floorBulk.add(values.getOrDefault("bulk_p99_us", Double.NaN) / 1e3);
        }
    }

    private static double longestMillis(JsonNode histogram) {
        return histogram.path("max-nanos").asLong(0) / 1e6;
    }

    private static JsonNode timed(Host host, Series into) {
        LockSupport.parkNanos(ASK_NANOS);
        long begin = System.nanoTime();
        JsonNode answer = host.ask("query-migrate");
        into.add((System.nanoTime() - begin) / 1e6);
        return answer;
    }

    private void workWhileMigrating() throws Exception {
        try (Host from = Host.godwit(with(GUEST, "--dirty-rate", "0"));
                Host to = Host.godwit(with(GUEST, "--incoming", "tcp:127.0.0.1:0"))) {
            from.limit(LIMIT);
            String uri = to.listensAt();
            LockSupport.parkNanos(SECOND);
            double before = workPerSecond(from);
            JsonNode _ = from.ask(
                    "migrate-set-parameters", io.godwit.control.Json.object().put("downtime-limit", 0));
            Floor.warm();
            from.migrate(uri);
            awaitSecondPass(from);
            migrating.add(workPerSecond(from) / before);
            JsonNode _ = from.ask("migrate_cancel");
        }
    }

    /** In the first pass the guest pays once for each page it writes, later again in each pass. */
    private static void awaitSecondPass(Host host) {
        int passes = 0;
        while (passes < 3) {
            LockSupport.parkNanos(SECOND / 10);
            passes = host.ask("query-migrate")
                    .path("ram")
                    .path("dirty-sync-count")
                    .asInt(0);
        }
    }

    private static double workPerSecond(Host host) {
        JsonNode begin = host.ask("x-godwit-guest");
        LockSupport.parkNanos(WORK_NANOS);
        JsonNode end = host.ask("x-godwit-guest");
        double pages =
                end.path("work-pages").asLong() - begin.path("work-pages").asLong();
        return pages / (end.path("now-nanos").asLong() - begin.path("now-nanos").asLong());
    }

    private void workWhileTracking() {
        GuestOptions options = GuestOptions.defaults()
                .withKind(GuestKind.KVM)
                .withMemoryBytes(1L << 30)
                .withWorkload(new Workload(GuestProgram.DIRTIER, WORKING_SET, 0, WriteOrder.SWEEP, RamFill.RANDOM, 0));
        try (Machine machine = Machines.create(options)) {
            RamBlock block = machine.ram().snapshot().blocks().getFirst();
            machine.vcpus().resume();
            LockSupport.parkNanos(SECOND);
            double before = workPerSecond(machine, block, false);
            machine.dirtyTracker().start();
            LockSupport.parkNanos(SECOND);
            tracking.add(workPerSecond(machine, block, true) / before);
            machine.vcpus().pause(Duration.ofSeconds(5));
            machine.dirtyTracker().stop();
        }
    }

    private static double workPerSecond(Machine machine, RamBlock block, boolean harvesting) {
        long begin = System.nanoTime();
        long pages = machine.workPages();
        while (System.nanoTime() - begin < WORK_NANOS) {
            LockSupport.parkNanos(PASS_NANOS);
            if (harvesting) {
                long _ = machine.dirtyTracker().harvest(block);
                block.dirtyBitmap().clearAll();
            }
        }
        return (machine.workPages() - pages) / (double) (System.nanoTime() - begin);
    }

    private static List<String> with(List<String> words, String... more) {
        List<String> all = new ArrayList<>(words);
        all.addAll(List.of(more));
        return all;
    }

    private void print() {
        for (Series series : List.of(
                quiet,
                bulk,
                waited,
                running,
                floorQuiet,
                floorBulk,
                longestCommand,
                longestVcpu,
                longestTrackerCall,
                tracking,
                migrating)) {
            System.out.println(series);
        }
        System.out.printf(
                Locale.ROOT,
                "query-migrate: p99 %.3f ms without a migration, %.3f ms in the bulk pass: %.2f times%n",
                quiet.quantile(0.99),
                bulk.quantile(0.99),
                bulk.quantile(0.99) / quiet.quantile(0.99));
        System.out.printf(
                Locale.ROOT,
                "query-migrate in the bulk pass, %d traced: p99 %.3f ms of waiting for a processor, %.3f ms without "
                        + "it: %.2f times; the floor in C: p99 %.3f ms quiet, %.3f ms beside a transfer: %.2f times%n",
                waited.count(),
                waited.quantile(0.99),
                running.quantile(0.99),
                running.quantile(0.99) / quiet.quantile(0.99),
                floorQuiet.median(),
                floorBulk.median(),
                floorBulk.median() / floorQuiet.median());
        System.out.printf(
                Locale.ROOT,
                "work: %.3f of before while migrating at 200 MB/s, %.3f under tracking alone: %.3f once tracking is "
                        + "taken out%n",
                migrating.median(),
                tracking.median(),
                migrating.median() / tracking.median());
    }
}
