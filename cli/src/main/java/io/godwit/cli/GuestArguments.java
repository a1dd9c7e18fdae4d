// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.machines.guest.GuestKind;
import io.godwit.machines.guest.GuestOptions;
import io.godwit.machines.guest.HostPages;
import io.godwit.machines.kvm.KvmTracking;
import io.godwit.machines.programs.GuestProgram;
import io.godwit.machines.programs.RamFill;
import io.godwit.machines.programs.Workload;
import io.godwit.machines.programs.WriteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What a guest is made of, as {@code demo} and {@code host} take it. */
final class GuestArguments {
    private static final GuestOptions DEFAULTS = GuestOptions.defaults();

    @Option(
            names = "--guest",
            paramLabel = "KIND",
            defaultValue = "auto",
            description =
                    "kvm, memory (threads of the host's process), auto (kvm where it can be used), or opaque: whatever"
                            + " arrives, a QEMU's guest too, is kept and not run.")
    private GuestKind kind = GuestKind.AUTO;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "512M",
            converter = ByteSize.class,
            description = "The guest's RAM (default: ${DEFAULT-VALUE}).")
    private long memoryBytes;

    @Option(
            names = "--max-memory",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description =
                    "How far the guest's RAM may grow by memory that is plugged in, here or by its source while it"
                            + " arrives (default: not at all).")
    private @Nullable Long maxMemoryBytes;

    @Option(
            names = "--huge-pages",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "Back the guest's RAM with huge pages of this size, 2M, that were set aside in"
                    + " /proc/sys/vm/nr_hugepages (default: ordinary pages).")
    private @Nullable Long hugePageBytes;

    @Option(
            names = "--cpus",
            paramLabel = "N",
            defaultValue = "1",
            description = "How many vCPUs (default: ${DEFAULT-VALUE}).")
    private int cpus;

    @Option(
            names = "--program",
            paramLabel = "NAME",
            defaultValue = "dirtier",
            description = "What it runs: idle, dirtier, stepper, ballooner or service (default: ${DEFAULT-VALUE}).")
    private GuestProgram program = GuestProgram.DIRTIER;

    @Option(
            names = "--working-set",
            paramLabel = "SIZE",
            defaultValue = "64M",
            converter = ByteSize.class,
            description =
                    "What the dirtier and the ballooner rewrite, and the service keeps (default: ${DEFAULT-VALUE}).")
    private long workingSetBytes;

    @Option(
            names = "--dirty-rate",
            paramLabel = "PAGES",
            defaultValue = "20000",
            description = "Pages rewritten a second, 0 for as many as it can (default: ${DEFAULT-VALUE}).")
    private long pagesPerSecond;

    @Option(
            names = "--write-order",
            paramLabel = "ORDER",
            defaultValue = "sweep",
            description = "sweep or random (default: ${DEFAULT-VALUE}).")
    private WriteOrder order = WriteOrder.SWEEP;

    @Option(
            names = "--fill",
            paramLabel = "FILL",
            defaultValue = "random",
            description = "What RAM holds at first: random or zero (default: ${DEFAULT-VALUE}).")
    private RamFill fill = RamFill.RANDOM;

    @Option(
            names = "--tracking",
            paramLabel = "HOW",
            description =
                    "How KVM tells which pages the guest writes: log, a bitmap of all memory, or rings, one for each"
                            + " vCPU (default: log).")
    private @Nullable KvmTracking tracking;

    // What only the benchmarks ask for.
    @Option(
            names = "--first-vcpu-share",
            hidden = true,
            paramLabel = "PERCENT",
            description =
                    "How much of the working set and of its rate is the first vCPU's, 1 to 99; the others share the"
                            + " rest (default: the same for all).")
    private int firstVcpuPercent;

    @Option(
            names = "--mute",
            hidden = true,
            description = "Ask the guest for its free pages although its program does not answer.")
    private boolean mute;

    boolean isService() {
        return program == GuestProgram.SERVICE;
    }

    /** Makes it a guest that answers requests, whatever was said. */
    void becomeService() {
        program = GuestProgram.SERVICE;
    }

    GuestKind kind() {
        return kind;
    }

    GuestOptions options() {
        try {
            return DEFAULTS.withKind(kind)
                    .withMemoryBytes(memoryBytes)
                    .withPluggableBytes(pluggableBytes())
                    .withPages(pages())
                    .withCpus(cpus)
                    .withWorkload(new Workload(
                            program,
                            workingSetBytes,
                            pagesPerSecond,
                            order,
                            fill,
                            DEFAULTS.workload().seed(),
                            firstVcpuPercent,
                            mute));
        } catch (IllegalArgumentException e) {
            throw new CommandFailure("Not possible: " + e.getMessage() + ".", e);
        }
    }

    /** How KVM tells what a guest of the kind that was chosen writes; of no effect for other guests. */
    KvmTracking tracking(GuestKind chosen) {
        if (tracking == null) {
            return KvmTracking.LOG;
        }
        if (chosen != GuestKind.KVM) {
            throw new CommandFailure("--tracking " + tracking + " is a way of KVM's, and this guest is of kind "
                    + chosen + "; leave it out, or say --guest kvm.");
        }
        return tracking;
    }

    private long pluggableBytes() {
        if (maxMemoryBytes == null) {
            return 0;
        }
        if (maxMemoryBytes < memoryBytes) {
            throw new IllegalArgumentException(
                    "--max-memory is %d bytes, less than the %d of --memory".formatted(maxMemoryBytes, memoryBytes));
        }
        return maxMemoryBytes - memoryBytes;
    }

    private HostPages pages() {
        if (hugePageBytes == null) {
            return HostPages.ORDINARY;
        }
        HostPages pages = HostPages.ofByteLength(hugePageBytes);
        if (pages == HostPages.ORDINARY) {
            throw new IllegalArgumentException("huge pages have 2 MiB, not 4 KiB");
        }
        return pages;
    }

    /** The same for the command line of a child, with the kind that was chosen. */
    List<String> asWords(GuestKind chosen) {
        List<String> words = new ArrayList<>(List.of(
                "--guest",
                chosen.toString(),
                "--memory",
                Long.toString(memoryBytes),
                "--cpus",
                Integer.toString(cpus),
                "--program",
                program.toString(),
                "--working-set",
                Long.toString(workingSetBytes),
                "--dirty-rate",
                Long.toString(pagesPerSecond),
                "--write-order",
                order.toString(),
                "--fill",
                fill.toString()));
        if (maxMemoryBytes != null) {
            words.addAll(List.of("--max-memory", Long.toString(maxMemoryBytes)));
        }
        if (hugePageBytes != null) {
            words.addAll(List.of("--huge-pages", Long.toString(hugePageBytes)));
        }
        if (firstVcpuPercent != 0) {
            words.addAll(List.of("--first-vcpu-share", Integer.toString(firstVcpuPercent)));
        }
        if (mute) {
            words.add("--mute");
        }
        if (tracking != null) {
            words.addAll(List.of("--tracking", tracking(chosen).toString()));
        }
        return words;
    }

    /** The guest in words. */
    String describe(GuestKind chosen) {
        if (chosen == GuestKind.OPAQUE) {
            return "room for any guest of up to " + ByteSize.binary(memoryBytes);
        }
        String work = switch (program) {
            case IDLE -> "idle";
            case DIRTIER, BALLOONER ->
                "rewriting "
                        + (workingSetBytes < memoryBytes ? ByteSize.binary(workingSetBytes) : "all of its memory")
                        + " at "
                        + (pagesPerSecond == 0
                                ? "full speed"
                                : String.format(Locale.ROOT, "%,d pages/s", pagesPerSecond))
                        + (program == GuestProgram.BALLOONER ? " and telling of its free pages" : "");
            case STEPPER -> "stepping through all of its memory";
            case SERVICE -> "answering requests";
        };
        return "a " + ByteSize.binary(memoryBytes) + " " + chosen + " guest"
                + (hugePageBytes == null ? "" : " in huge pages") + " with " + cpus + (cpus == 1 ? " vCPU" : " vCPUs")
                + ", " + work;
    }
}
