// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;

/**
 * How long a guest stands still at the switch to postcopy, by its own heartbeat: a small guest, a large one, and QEMU's
 * small one under the same load. A QEMU's guest beats a thousand times a second on its serial port, stamped by who
 * reads along; between the hosts' own words STOP and RESUME lies less, because the guest's first steps wait for pages;
 * what QEMU calls its downtime does not reach to the destination.
 */
public final class SwitchBenchmark {
    private static final String SMALL = "1024";
    private static final String LOAD_SET = "64";
    private static final String LOAD_RATE = "20000";

    private final Series small = new Series("godwit, 1 GiB: heartbeat gap", "ms");
    private final Series large;
    private final Series qemu = new Series("qemu, 1 GiB: heartbeat gap", "ms");
    private final Series smallWords = new Series("godwit, 1 GiB: STOP to RESUME", "ms");
    private final Series qemuWords = new Series("qemu, 1 GiB: STOP to RESUME", "ms");
    private final Series qemuDowntime = new Series("qemu, 1 GiB: its downtime", "ms");
    private final String largeMebibytes;

    private SwitchBenchmark(long largeMebibytes) {
        this.largeMebibytes = Long.toString(largeMebibytes);
        this.large = new Series("godwit, %d GiB: heartbeat gap".formatted(largeMebibytes >> 10), "ms");
    }

    /** Measures {@code runs} moves of each kind. */
    public static void run(int runs) throws Exception {
        SwitchBenchmark benchmark = new SwitchBenchmark(largeMebibytes());
        for (int i = 0; i < runs; i++) {
            benchmark.moveGodwit(SMALL, benchmark.small, benchmark.smallWords);
            benchmark.moveQemu();
            benchmark.moveGodwit(benchmark.largeMebibytes, benchmark.large, new Series("", "ms"));
        }
        benchmark.print();
    }

    /** 8 GiB, or what memory is there for twice. */
    private static long largeMebibytes() throws Exception {
        long available = java.nio.file.Files.readString(java.nio.file.Path.of("/proc/meminfo"))
                .lines()
                .filter(line -> line.startsWith("MemAvailable:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) >> 10)
                .findFirst()
                .orElse(4096);
        return Math.clamp((available - 3072) / 2048 * 1024, 2048, 8192);
    }

    private void moveGodwit(String mebibytes, Series gap, Series words) throws Exception {
        List<String> guest =
                new ArrayList<>(List.of("--guest", "kvm", "--memory", mebibytes + "M", "--fill", "random"));
        guest.addAll(List.of("--program", "dirtier", "--working-set", LOAD_SET + "M", "--dirty-rate", LOAD_RATE));
        try (Host from = Host.godwit(guest);
                Host to = Host.godwit(Host.waitingFor(guest))) {
            PostcopyMove move =
                    PostcopyMove.whole(PostcopyMove.Kind.GODWIT_PREEMPT, from, to, Integer.parseInt(mebibytes));
            gap.add((beat(to, "first-beat-nanos") - beat(from, "last-beat-nanos")) / 1e6);
            words.add(move.switchMillis());
            System.out.printf(
                    Locale.ROOT,
                    "godwit %s MiB: heartbeat gap %.3f ms, STOP to RESUME %.3f ms, parts %s%n",
                    mebibytes,
                    gap.last(),
                    move.switchMillis(),
                    from.ask("x-godwit-statistics").path("downtime-parts"));
        }
    }

    private static long beat(Host host, String name) {
        return host.ask("x-godwit-guest").path("vcpus").path(0).path(name).asLong();
    }

    private void moveQemu() throws Exception {
        String load = "set=" + LOAD_SET + " rate=" + LOAD_RATE + " beat=1000";
        try (Host from = Host.qemu(SMALL, load, false);
                Host to = Host.qemu(SMALL, load, true)) {
            PostcopyMove move = PostcopyMove.whole(PostcopyMove.Kind.QEMU_PREEMPT, from, to, Integer.parseInt(SMALL));
            LockSupport.parkNanos(200_000_000);
            long first = to.process().beats().first();
            qemu.add((first - from.process().beats().lastBefore(first)) / 1e6);
            qemuWords.add(move.switchMillis());
            qemuDowntime.add(move.figures().path("downtime").asDouble());
            System.out.printf(
                    Locale.ROOT,
                    "qemu %s MiB: heartbeat gap %.3f ms, STOP to RESUME %.3f ms, its downtime %.0f ms%n",
                    SMALL,
                    qemu.last(),
                    qemuWords.last(),
                    qemuDowntime.last());
        }
    }

    private void print() {
        System.out.println();
        for (Series series : List.of(small, large, qemu, smallWords, qemuWords, qemuDowntime)) {
            System.out.println(series);
        }
        System.out.printf(
                Locale.ROOT,
                "switch: %s MiB takes %.2f of what 1 GiB takes; godwit takes %.2f of QEMU by heartbeats, %.2f by STOP "
                        + "to RESUME%n",
                largeMebibytes,
                large.median() / small.median(),
                small.median() / qemu.median(),
                smallWords.median() / qemuWords.median());
    }
}
