// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/**
 * Moves a guest with 1 GiB of random memory between two fresh processes over one TCP connection, in turn with the
 * floor, whose receiver's memory is as fresh. The guest stands still, so that one pass is all and the processors belong
 * to the transfer.
 */
public final class TransferBenchmark {
    private static final double GIB = 1L << 30;
    private static final List<String> GUEST =
            List.of("--guest", "auto", "--memory", "1G", "--program", "idle", "--fill", "random");

    private final Series godwit = new Series("godwit", "GB/s");
    private final Series godwitPass = new Series("godwit, its own count of the first pass", "GB/s");
    private final Series source = new Series("godwit source", "CPU s/GiB");
    private final Series destination = new Series("godwit destination", "CPU s/GiB");
    private final Series small = new Series("floor, 4 KiB pages", "GB/s");
    private final Series huge = new Series("floor, huge pages", "GB/s");
    private final Series framed = new Series("floor, huge pages, a header for each page", "GB/s");
    private final Series floorSender = new Series("floor sender, huge pages", "CPU s/GiB");
    private final Series floorReceiver = new Series("floor receiver, huge pages", "CPU s/GiB");

    private TransferBenchmark() {}

    /** Measures {@code runs} times. */
    public static void run(int runs) throws Exception {
        if (!Floor.isBuilt()) {
            System.out.println("could not run: the floor is not built; it needs a C compiler");
            return;
        }
        TransferBenchmark benchmark = new TransferBenchmark();
        for (int i = 0; i < runs; i++) {
            benchmark.floors();
            benchmark.move();
        }
        benchmark.print();
    }

    private void floors() throws Exception {
        small.add(Floor.run().bytesPerSecond() / 1e9);
        Floor.Run run = Floor.run("-h");
        huge.add(run.bytesPerSecond() / 1e9);
        floorSender.add(run.senderCpuSeconds());
        floorReceiver.add(run.receiverCpuSeconds());
        framed.add(Floor.run("-h", "-f").bytesPerSecond() / 1e9);
    }

    private void move() throws Exception {
        List<String> paused = new java.util.ArrayList<>(GUEST);
        paused.add("--paused");
        List<String> waiting = new java.util.ArrayList<>(GUEST);
        waiting.addAll(List.of("--incoming", "tcp:127.0.0.1:0"));
        try (Host from = Host.godwit(paused);
                Host to = Host.godwit(waiting)) {
            from.limit(0);
            String uri = to.listensAt();
            Floor.warm();
            double fromBefore = from.cpuSeconds();
            double toBefore = to.cpuSeconds();
            from.migrate(uri);
            JsonNode _ = from.awaitEnd();
            JsonNode figures = from.ask("x-godwit-statistics");
            double gibibytes = figures.path("total-bytes").asLong() / GIB;
            source.add((from.cpuSeconds() - fromBefore) / gibibytes);
            destination.add((to.cpuSeconds() - toBefore) / gibibytes);
            // Everything but connecting and announcing: the pages, the switchover, the destination's answer.
            double millis = figures.path("total-time-millis").asDouble()
                    - figures.path("setup-time-millis").asDouble();
            godwit.add(figures.path("transferred-bytes").asDouble() / millis / 1e6);
            godwitPass.add(figures.path("bandwidth-bytes-per-second").asDouble() / 1e9);
            System.out.printf(
                    Locale.ROOT,
                    "%d bytes in %.0f ms, setup %d ms%n",
                    figures.path("transferred-bytes").asLong(),
                    millis,
                    figures.path("setup-time-millis").asLong());
        }
    }

    private void print() {
        for (Series series :
                List.of(godwit, godwitPass, small, huge, framed, source, destination, floorSender, floorReceiver)) {
            System.out.println(series);
        }
        for (Series floor : List.of(small, huge, framed)) {
            System.out.printf(
                    Locale.ROOT,
                    "godwit against %s: %.2f of its throughput (first pass alone %.2f)%n",
                    floor.toString().split("  ", 2)[0],
                    godwit.median() / floor.median(),
                    godwitPass.median() / floor.median());
        }
    }
}
