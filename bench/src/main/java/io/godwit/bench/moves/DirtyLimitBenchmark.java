// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * What a guest on KVM loses of whose two vCPUs one writes more than the wire carries and the other little: with {@code
 * dirty-limit}, which by KVM's rings knows who writes and by the log does not, and with {@code auto-converge}, which
 * slows all alike. Time, bytes, and of each vCPU the time that it was kept from running and how much of its work was
 * not done.
 */
public final class DirtyLimitBenchmark {
    private static final long SECOND = 1_000_000_000L;
    private static final long BYTES_PER_SECOND = 60_000_000;
    private static final int RATE = 30_000;
    private static final int FIRST_PERCENT = 90;
    private static final int VCPUS = 2;

    /** What slows the guest, and how it is tracked. */
    private enum Kind {
        CONVERGE_LOG("auto-converge, log", "auto-converge", "log"),
        CONVERGE_RINGS("auto-converge, rings", "auto-converge", "rings"),
        LIMIT_LOG("dirty-limit, log", "dirty-limit", "log"),
        LIMIT_RINGS("dirty-limit, rings", "dirty-limit", "rings");

        private final String text;
        private final String capability;
        private final String tracking;

        Kind(String text, String capability, String tracking) {
            this.text = text;
            this.capability = capability;
            this.tracking = tracking;
        }
    }

    /** What one vCPU lost, in the order of the moves. */
    private record Loss(Series kept, Series undone) {}

    private record Result(Kind kind, Series seconds, Series gigabytes, List<Loss> losses) {
        static Result of(Kind kind) {
            return new Result(
                    kind,
                    new Series(kind.text + ": time", "s"),
                    new Series(kind.text + ": bytes", "GB"),
                    IntStream.range(0, VCPUS)
                            .mapToObj(vcpu -> kind.text + ", vcpu " + vcpu + ": ")
                            .map(of -> new Loss(
                                    new Series(of + "kept from running", "s"), new Series(of + "work not done", "s")))
                            .toList());
        }
    }

    /** What the vCPUs have done and suffered up to a moment. */
    private record Moment(long nanos, List<Vcpu> vcpus) {
        record Vcpu(double workPages, double throttledSeconds) {}

        static Moment of(Host host) {
            List<Vcpu> vcpus = new ArrayList<>();
            for (JsonNode vcpu : host.ask("x-godwit-guest").path("vcpus")) {
                vcpus.add(new Vcpu(
                        vcpu.path("work-pages").asDouble(),
                        vcpu.path("throttled-nanos").asDouble() / SECOND));
            }
            return new Moment(System.nanoTime(), vcpus);
        }

        double workPages(int vcpu) {
            return vcpus.get(vcpu).workPages;
        }

        double throttledSeconds(int vcpu) {
            return vcpus.get(vcpu).throttledSeconds;
        }
    }

    private DirtyLimitBenchmark() {}

    /** Measures {@code runs} moves of each kind, in turn. */
    public static void run(int runs) throws Exception {
        List<Result> results = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            results.add(Result.of(kind));
        }
        System.out.printf(
                "a KVM guest of 1 GiB, %d pages/s over 512 MiB, of both %d %% are the first vCPU's; %d MB/s%n",
                RATE, FIRST_PERCENT, BYTES_PER_SECOND / 1_000_000);
        for (int i = 0; i < runs; i++) {
            for (Result result : results) {
                move(result);
            }
        }
        for (Result result : results) {
            System.out.println(result.seconds + "\n" + result.gigabytes);
            result.losses.forEach(loss -> System.out.println(loss.kept + "\n" + loss.undone));
        }
        Result base = results.getFirst();
        for (Result result : results.subList(1, results.size())) {
            System.out.printf(
                    Locale.ROOT,
                    "ratio, %s to %s: time %.2f, bytes %.2f, work not done by vcpu 0 %.2f, by vcpu 1 %.2f (medians)%n",
                    result.kind.text,
                    base.kind.text,
                    result.seconds.median() / base.seconds.median(),
                    result.gigabytes.median() / base.gigabytes.median(),
                    result.losses.get(0).undone.median()
                            / base.losses.get(0).undone.median(),
                    result.losses.get(1).undone.median()
                            / base.losses.get(1).undone.median());
        }
    }

    private static void move(Result result) throws Exception {
        List<String> guest = List.of(
                "--guest",
                "kvm",
                "--cpus",
                Integer.toString(VCPUS),
                "--memory",
                "1G",
                "--fill",
                "random",
                "--program",
                "dirtier",
                "--working-set",
                "512M",
                "--dirty-rate",
                Integer.toString(RATE),
                "--first-vcpu-share",
                Integer.toString(FIRST_PERCENT),
                "--tracking",
                result.kind.tracking);
        try (Host from = Host.godwit(guest);
                Host to = Host.godwit(Host.waitingFor(guest))) {
            from.capabilities("events", result.kind.capability);
            from.limit(BYTES_PER_SECOND);
            String uri = to.listen();
            LockSupport.parkNanos(2 * SECOND);
            Moment early = Moment.of(from);
            LockSupport.parkNanos(SECOND);
            Moment begin = Moment.of(from);
            from.migrate(uri);
            JsonNode figures = from.awaitEnd();
            Moment end = Moment.of(from);
            double seconds = figures.path("total-time").asDouble() / 1e3;
            result.seconds.add(seconds);
            result.gigabytes.add(figures.path("ram").path("transferred").asDouble() / 1e9);
            StringBuilder losses = new StringBuilder();
            for (int vcpu = 0; vcpu < VCPUS; vcpu++) {
                double before = (begin.workPages(vcpu) - early.workPages(vcpu)) * SECOND / (begin.nanos - early.nanos);
                double done = (end.workPages(vcpu) - begin.workPages(vcpu)) / before;
                Loss loss = result.losses.get(vcpu);
                loss.kept.add(end.throttledSeconds(vcpu) - begin.throttledSeconds(vcpu));
                loss.undone.add(seconds - done);
                losses.append(String.format(
                        Locale.ROOT,
                        "; vcpu %d wrote %.0f pages/s before, was kept from running for %.1f s, %.1f s of its work "
                                + "not done",
                        vcpu,
                        before,
                        loss.kept.last(),
                        loss.undone.last()));
            }
            System.out.printf(
                    Locale.ROOT,
                    "%s: %.1f s, %.2f GB, %d passes, downtime %d ms%s; %s%n",
                    result.kind.text,
                    seconds,
                    result.gigabytes.last(),
                    figures.path("ram").path("dirty-sync-count").asInt(),
                    figures.path("downtime").asInt(),
                    losses,
                    from.ask("x-godwit-statistics").path("throttle"));
        }
    }
}
