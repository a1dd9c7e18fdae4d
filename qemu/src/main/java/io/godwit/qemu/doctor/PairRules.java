// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** What a source and a destination have to have in common, apart from settings and disks. */
final class PairRules {
    /** All of them. */
    static final List<BiFunction<Side, Side, Stream<Finding>>> TABLE = List.of(
            (_, destination) -> waits(destination),
            PairRules::machine,
            PairRules::version,
            PairRules::accelerator,
            PairRules::memory,
            PairRules::blocks,
            PairRules::cpus,
            PairRules::cpuModel,
            PairRules::cpuFeatures,
            PairRules::devices);

    /** Named in full at most so often; more are counted. */
    private static final int NAMED = 4;

    private PairRules() {}

    static Stream<Finding> waits(Side destination) {
        if (SourceRules.UNDER_WAY.contains(destination.migration())
                && !destination.migration().equals("setup")) {
            return Stream.of(Finding.stops(
                    "destination-state",
                    "Another migration arrives at the destination (" + destination.migration() + ").",
                    "Wait for its end, or start another QEMU."));
        }
        return destination.status().equals("inmigrate")
                ? Stream.of()
                : Stream.of(Finding.stops(
                        "destination-state",
                        "The destination " + destination.address() + " does not wait for a guest: its state is "
                                + destination.status() + ".",
                        "Start it with -incoming defer."));
    }

    static Stream<Finding> machine(Side source, Side destination) {
        Optional<String> from = source.machine();
        Optional<String> to = destination.machine();
        if (from.isEmpty() || to.isEmpty() || from.equals(to)) {
            return Stream.of();
        }
        String fix = destination.machines().contains(from.get())
                ? "Start the destination with -machine " + from.get() + ", which its QEMU knows."
                : "The destination's QEMU does not know " + from.get() + ": install a newer one there.";
        return Stream.of(Finding.stops(
                "machine", "The source's machine is " + from.get() + ", the destination's is " + to.get() + ".", fix));
    }

    static Stream<Finding> version(Side source, Side destination) {
        int[] from = source.qemuVersion().orElse(new int[0]);
        int[] to = destination.qemuVersion().orElse(new int[0]);
        return from.length > 0 && to.length > 0 && Arrays.compare(to, from) < 0
                ? Stream.of(Finding.risk(
                        "version",
                        "The destination's QEMU " + words(to) + " is older than the source's " + words(from)
                                + "; upstream tests the way forward only.",
                        "Move to a QEMU that is at least as new, or try with a guest that does not matter."))
                : Stream.of();
    }

    private static String words(int[] version) {
        return version[0] + "." + version[1] + "." + version[2];
    }

    static Stream<Finding> accelerator(Side source, Side destination) {
        JsonNode from = source.at("query-kvm").path("enabled");
        JsonNode to = destination.at("query-kvm").path("enabled");
        return from.isBoolean() && to.isBoolean() && from.asBoolean(false) != to.asBoolean(false)
                ? Stream.of(Finding.risk(
                        "accelerator",
                        "The source runs with " + accelerator(from) + ", the destination with " + accelerator(to)
                                + ": devices such as kvmclock exist on one side only.",
                        "Start both with the same -accel."))
                : Stream.of();
    }

    private static String accelerator(JsonNode kvm) {
        return kvm.asBoolean(false) ? "KVM" : "TCG";
    }

    static Stream<Finding> memory(Side source, Side destination) {
        List<Finding> found = new ArrayList<>();
        Map<String, String> texts = Map.of("size", "RAM", "max-size", "maxmem", "slots", "memory slots");
        for (Map.Entry<String, String> text : new TreeMap<>(texts).entrySet()) {
            long from = source.at("machine-memory").path(text.getKey()).asLong(0);
            long to = destination.at("machine-memory").path(text.getKey()).asLong(0);
            if (from != to && source.at("machine-memory").isObject() && known(source, destination)) {
                found.add(Finding.stops(
                        "memory",
                        "The source has " + text.getValue() + " " + from + ", the destination " + to + ".",
                        "Start the destination with the source's -m."));
            }
        }
        return found.stream();
    }

    private static boolean known(Side source, Side destination) {
        return !source.at("machine-memory").isEmpty()
                && !destination.at("machine-memory").isEmpty();
    }

    static Stream<Finding> blocks(Side source, Side destination) {
        Map<String, Side.Block> there = destination.blocks();
        if (there.isEmpty()) {
            return Stream.of();
        }
        List<Finding> found = new ArrayList<>();
        source.blocks().forEach((name, block) -> {
            Side.Block other = there.get(name);
            if (other == null) {
                found.add(Finding.stops(
                        "ram-blocks",
                        "The destination has no RAM block " + name + " of " + block.usedBytes() + " bytes.",
                        "Give it the same devices, memory backends and ROMs."));
            } else if (other.usedBytes() != block.usedBytes() && !name.startsWith("/rom@")) {
                found.add(Finding.stops(
                        "ram-blocks",
                        "RAM block " + name + " has " + block.usedBytes() + " bytes at the source and "
                                + other.usedBytes() + " at the destination.",
                        "Start the destination with the source's arguments for memory and ROMs."));
            } else if (other.pageBytes() != block.pageBytes()) {
                found.add(pageSize(source, name, block.pageBytes(), other.pageBytes()));
            }
        });
        return found.stream();
    }

    private static Finding pageSize(Side source, String name, long from, long to) {
        String sentence = "RAM block " + name + " has pages of " + from + " bytes at the source and of " + to
                + " at the destination.";
        String fix = "Use the same memory backend on both sides.";
        return source.has("postcopy-ram")
                ? Finding.stops("page-size", sentence + " Postcopy refuses that.", fix)
                : Finding.risk("page-size", sentence + " Precopy takes it, postcopy would not.", fix);
    }

    static Stream<Finding> cpus(Side source, Side destination) {
        int from = source.at("query-cpus-fast").size();
        int to = destination.at("query-cpus-fast").size();
        return from > 0 && to > 0 && from != to
                ? Stream.of(Finding.stops(
                        "cpus",
                        "The source has " + from + " vCPUs, the destination " + to + ".",
                        "Start the destination with the source's -smp, and plug the vCPUs that were plugged."))
                : Stream.of();
    }

    static Stream<Finding> cpuModel(Side source, Side destination) {
        Optional<String> from = source.cpuModel();
        Optional<String> to = destination.cpuModel();
        if (from.isPresent() && to.isPresent() && !from.equals(to)) {
            return Stream.of(Finding.risk(
                    "cpu-model",
                    "The source's CPU is " + from.get() + ", the destination's is " + to.get() + ".",
                    "Start the destination with the source's -cpu."));
        }
        return from.filter(model -> List.of("host", "max").contains(model)).stream()
                .map(model -> Finding.note(
                        "cpu-model",
                        "The CPU is " + model + ", which is something else on each host.",
                        "Name a model that all hosts have, if they are not alike."));
    }

    static Stream<Finding> cpuFeatures(Side source, Side destination) {
        Map<String, Long> there = words(destination);
        List<String> missing = new ArrayList<>();
        words(source).forEach((register, bits) -> {
            long lacking = bits & ~there.getOrDefault(register, bits);
            if (lacking != 0) {
                missing.add(register + " 0x" + Long.toHexString(lacking));
            }
        });
        return missing.isEmpty()
                ? Stream.of()
                : Stream.of(Finding.risk(
                        "cpu-features",
                        "The destination's CPU lacks features that the guest has: CPUID " + named(missing) + ".",
                        "Start both with one named CPU model; a guest that uses a missing feature crashes."));
    }

    private static Map<String, Long> words(Side side) {
        Map<String, Long> words = new TreeMap<>();
        for (JsonNode word : side.at("cpu-words").values()) {
            words.put(
                    "%x.%x %s"
                            .formatted(
                                    word.path("cpuid-input-eax").asLong(0),
                                    word.path("cpuid-input-ecx").asLong(0),
                                    word.path("cpuid-register").asString("")),
                    word.path("features").asLong(0));
        }
        return words;
    }

    static Stream<Finding> devices(Side source, Side destination) {
        Set<String> bridges = source.pciBridges();
        bridges.retainAll(destination.pciBridges());
        Map<String, String> here = source.pciDevices(bridges);
        Map<String, String> there = destination.pciDevices(bridges);
        if (here.isEmpty() || there.isEmpty() || here.equals(there)) {
            return Stream.of();
        }
        List<String> differences = new ArrayList<>();
        here.forEach((place, name) -> {
            if (!name.equals(there.get(place))) {
                differences.add(place + " is " + name + " at the source and " + there.getOrDefault(place, "nothing")
                        + " at the destination");
            }
        });
        there.forEach((place, name) -> {
            if (!here.containsKey(place)) {
                differences.add(place + " is " + name + " at the destination only");
            }
        });
        return Stream.of(Finding.stops(
                "devices",
                "The PCI devices differ: " + named(differences) + ".",
                "Start the destination with the same devices at the same addresses (addr=)."));
    }

    private static String named(List<String> all) {
        String first = String.join("; ", all.subList(0, Math.min(NAMED, all.size())));
        return all.size() > NAMED ? first + "; and " + (all.size() - NAMED) + " more" : first;
    }
}
