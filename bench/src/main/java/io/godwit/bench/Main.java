// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench;

import io.godwit.bench.micro.MicroBenchmarks;
import io.godwit.bench.moves.CaptureBenchmark;
import io.godwit.bench.moves.CapturePauseBenchmark;
import io.godwit.bench.moves.CheckpointBenchmark;
import io.godwit.bench.moves.ControlBenchmark;
import io.godwit.bench.moves.ConvergeBenchmark;
import io.godwit.bench.moves.ConvergeBenchmark.Guests;
import io.godwit.bench.moves.DirtyLimitBenchmark;
import io.godwit.bench.moves.FaultBenchmark;
import io.godwit.bench.moves.FillBenchmark;
import io.godwit.bench.moves.FlushBenchmark;
import io.godwit.bench.moves.ForecastBenchmark;
import io.godwit.bench.moves.HintsBenchmark;
import io.godwit.bench.moves.PauseBenchmark;
import io.godwit.bench.moves.ProgressBenchmark;
import io.godwit.bench.moves.ProtectionBenchmark;
import io.godwit.bench.moves.PushBenchmark;
import io.godwit.bench.moves.RestoreBenchmark;
import io.godwit.bench.moves.SafeBenchmark;
import io.godwit.bench.moves.StageBenchmark;
import io.godwit.bench.moves.StallBenchmark;
import io.godwit.bench.moves.StartBenchmark;
import io.godwit.bench.moves.SwitchBenchmark;
import io.godwit.bench.moves.TransferBenchmark;
import io.godwit.bench.moves.UnansweredBenchmark;
import java.util.ArrayList;
import java.util.List;

/** The benchmarks' command line; {@code ./dev bench} starts it. */
public final class Main {
    private static final String USAGE = """
            usage: ./dev bench \
            [micro|transfer|pause|control|start|fault|switch|push|progress|safe|converge|hints|colo|forecast|\
            capture|restore]... \
            [-n RUNS] [--quick]
              micro[:NAME]  JMH: zero test, bitmap walk, harvest, batch send; only those whose names contain NAME
              transfer      whole migrations of 1 GiB of random memory beside a floor in C
              pause         how long a guest stands still, beside QEMU's downtime for the same load
              control       what a migration costs the control plane and the guest
              start         how long commands take to start
              fault         postcopy: what a page that is missing costs the guest, beside a floor in C
              switch        postcopy: how long the guest stands still at the switch, beside QEMU
              push          postcopy: throughput of the background push, beside precopy
              progress      postcopy: the guest's work after the switch, beside QEMU
              safe          postcopy-safe: what it costs the guest, and how long its outputs wait
              converge      auto-converge: time, bytes and the guest's loss, beside QEMU; converge:kvm and \
              converge:software for one kind of guest,
                            converge:limit for dirty-limit beside auto-converge when one vCPU writes much and one little
              hints         the first pass with and without the guest's hints of free pages; hints:unanswered for a \
              guest that never answers
              colo          a standby's second copy, beside C: colo:flush for its flush into the guest, colo:fill for \
              the first fill,
                            colo:stage for a standby without one, beside one with it,
                            colo:pause for how long the primary stands still, colo:service for a service's throughput,
                            colo:failover for the time to the next answer
              forecast      what godwit advise foretells beside the migration itself; forecast:qemu for QEMU's guests
              capture       a QEMU's guest into a store, beside what QEMU sends to nobody and to a floor in C;
                            capture:pause for how long it stands still, beside QEMU to QEMU
              restore       a stored guest into a QEMU, beside QEMU's loads of its own files; restore:clone for eight,
                            restore:stall for how long the guest stands still in its first second
              -n RUNS       how often each thing is measured
              --quick       a first look: few runs, figures not to be quoted
            """;

    private Main() {}

    /** Runs what is named, or everything. */
    public static void main(String[] arguments) throws Exception {
        List<String> names = new ArrayList<>();
        boolean quick = false;
        int runs = 0;
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "--quick" -> quick = true;
                case "-n" -> runs = Integer.parseInt(arguments[++i]);
                default -> names.add(arguments[i]);
            }
        }
        if (names.isEmpty()) {
            names.addAll(List.of(
                    "start",
                    "micro",
                    "transfer",
                    "pause",
                    "control",
                    "fault",
                    "switch",
                    "push",
                    "progress",
                    "safe",
                    "converge",
                    "hints",
                    "colo",
                    "forecast",
                    "capture",
                    "restore"));
        }
        for (String name : names) {
            Surroundings.print(name);
            if (!run(name, quick, runs)) {
                System.err.print(USAGE);
                System.exit(2);
            }
        }
    }

    private static boolean run(String name, boolean quick, int runs) throws Exception {
        switch (name) {
            case "micro" -> MicroBenchmarks.run("", quick);
            case "transfer" -> TransferBenchmark.run(count(runs, quick ? 3 : 20));
            case "pause" -> PauseBenchmark.run(count(runs, quick ? 2 : 20));
            case "control" -> ControlBenchmark.run(count(runs, quick ? 1 : 5));
            case "start" -> StartBenchmark.run(count(runs, quick ? 5 : 20));
            case "fault" -> FaultBenchmark.run(count(runs, quick ? 1 : 3), quick);
            case "switch" -> SwitchBenchmark.run(count(runs, quick ? 1 : 5));
            case "push" -> PushBenchmark.run(count(runs, quick ? 1 : 5));
            case "progress" -> ProgressBenchmark.run(count(runs, quick ? 1 : 3));
            case "safe" -> SafeBenchmark.run(count(runs, quick ? 1 : 3));
            case "converge" -> {
                for (Guests guests : Guests.values()) {
                    ConvergeBenchmark.run(guests, count(runs, 1));
                }
                DirtyLimitBenchmark.run(count(runs, 1));
            }
            case "converge:kvm" -> ConvergeBenchmark.run(Guests.KVM, count(runs, 1));
            case "converge:software" -> ConvergeBenchmark.run(Guests.SOFTWARE, count(runs, 1));
            case "converge:limit" -> DirtyLimitBenchmark.run(count(runs, 1));
            case "hints" -> {
                HintsBenchmark.run(count(runs, 2));
                UnansweredBenchmark.run(count(runs, quick ? 3 : 9));
            }
            case "hints:unanswered" -> UnansweredBenchmark.run(count(runs, quick ? 3 : 9));
            case "colo" -> {
                FlushBenchmark.run(count(runs, quick ? 10 : 40));
                StageBenchmark.run(count(runs, quick ? 10 : 40));
                FillBenchmark.run(count(runs, quick ? 3 : 9));
                CheckpointBenchmark.run(count(runs, quick ? 1 : 3), quick ? 5 : 20);
                ProtectionBenchmark.service(count(runs, quick ? 1 : 3), quick ? 3 : 10);
                ProtectionBenchmark.failover(count(runs, quick ? 5 : 100));
            }
            case "colo:pause" -> CheckpointBenchmark.run(count(runs, quick ? 1 : 3), quick ? 5 : 20);
            case "colo:service" -> ProtectionBenchmark.service(count(runs, quick ? 1 : 3), quick ? 3 : 10);
            case "colo:failover" -> ProtectionBenchmark.failover(count(runs, quick ? 5 : 100));
            case "colo:flush" -> FlushBenchmark.run(count(runs, quick ? 10 : 40));
            case "colo:stage" -> StageBenchmark.run(count(runs, quick ? 10 : 40));
            case "colo:fill" -> FillBenchmark.run(count(runs, quick ? 3 : 9));
            case "capture" -> CaptureBenchmark.run(count(runs, quick ? 2 : 5));
            case "capture:pause" -> CapturePauseBenchmark.run(count(runs, quick ? 3 : 10));
            case "restore" -> RestoreBenchmark.run(count(runs, quick ? 3 : 20));
            case "restore:stall" -> StallBenchmark.run(count(runs, quick ? 3 : 20));
            case "restore:clone" -> RestoreBenchmark.clones(count(runs, quick ? 1 : 5));
            case "forecast" -> ForecastBenchmark.run(count(runs, quick ? 4 : 30), false);
            case "forecast:qemu" -> ForecastBenchmark.run(count(runs, quick ? 4 : 30), true);
            default -> {
                if (!name.startsWith("micro:")) {
                    return false;
                }
                MicroBenchmarks.run(name.substring("micro:".length()), quick);
            }
        }
        return true;
    }

    private static int count(int asked, int usual) {
        return asked == 0 ? usual : asked;
    }
}
