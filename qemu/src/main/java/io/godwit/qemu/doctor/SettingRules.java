// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/** Capabilities and parameters that both sides must have alike. */
final class SettingRules {
    /** All of them. */
    static final List<BiFunction<Side, Side, Stream<Finding>>> TABLE =
            List.of(SettingRules::capabilities, SettingRules::parameters, SettingRules::channels);

    /**
     * A capability that both sides need alike.
     *
     * @param name QEMU's
     * @param consequence what happens otherwise
     */
    private record Twin(String name, String consequence) {}

    /** A destination that can more than the source wants is none the worse. */
    private static final Set<String> HARMLESS_AT_DESTINATION =
            Set.of("postcopy-ram", "postcopy-preempt", "dirty-bitmaps");

    private static final List<Twin> TWINS = List.of(
            new Twin("multifd", "The destination takes a page connection for something else, and the migration fails."),
            new Twin("postcopy-ram", "The destination refuses the advice of postcopy."),
            new Twin("postcopy-preempt", "One side waits for a second connection that the other does not make."),
            new Twin("x-ignore-shared", "The destination misreads the list of RAM blocks."),
            new Twin("mapped-ram", "The destination misreads the list of RAM blocks."),
            new Twin("compress", "The destination cannot read compressed pages."),
            new Twin("dirty-bitmaps", "Bitmaps of disks are lost, or refused."),
            new Twin("rdma-pin-all", "The two sides do not agree about pinned memory."),
            new Twin("switchover-ack", "The source waits for an acknowledgement that never comes."),
            new Twin("x-colo", "One side expects checkpoints, the other does not."));

    private static final List<String> TWIN_PARAMETERS = List.of("multifd-compression", "tls-creds");

    private SettingRules() {}

    static Stream<Finding> capabilities(Side source, Side destination) {
        return TWINS.stream().flatMap(twin -> twin(twin, source, destination));
    }

    private static Stream<Finding> twin(Twin twin, Side source, Side destination) {
        String name = twin.name();
        if (source.has(name) == destination.has(name)) {
            return Stream.of();
        }
        if (!source.has(name) && HARMLESS_AT_DESTINATION.contains(name)) {
            return Stream.of(Finding.note(
                    "capability-" + name,
                    name + " is on at the destination only, which harms nothing.",
                    "Switch it on at the source too if the migration shall use it."));
        }
        Side without = source.has(name) ? destination : source;
        String where = source.has(name) ? "source" : "destination";
        String other = source.has(name) ? "destination" : "source";
        String fix = without.capabilities().containsKey(name)
                ? "Switch it on, or off, on both sides."
                : "The " + other + " does not know it: switch it off at the " + where + ".";
        return Stream.of(Finding.stops(
                "capability-" + name, name + " is on at the " + where + " only. " + twin.consequence(), fix));
    }

    static Stream<Finding> parameters(Side source, Side destination) {
        return TWIN_PARAMETERS.stream().flatMap(name -> {
            if (name.startsWith("multifd") && !source.has("multifd")) {
                return Stream.of();
            }
            Optional<String> from = source.parameter(name).filter(value -> !value.isEmpty());
            Optional<String> to = destination.parameter(name).filter(value -> !value.isEmpty());
            boolean differs = name.equals("tls-creds") ? from.isPresent() != to.isPresent() : !from.equals(to);
            return differs
                    ? Stream.of(Finding.stops(
                            "parameter-" + name,
                            name + " is " + from.orElse("not set") + " at the source and " + to.orElse("not set")
                                    + " at the destination.",
                            "Set it alike on both sides."))
                    : Stream.of();
        });
    }

    static Stream<Finding> channels(Side source, Side destination) {
        Optional<String> from = source.parameter("multifd-channels");
        Optional<String> to = destination.parameter("multifd-channels");
        return source.has("multifd") && destination.has("multifd") && !from.equals(to)
                ? Stream.of(Finding.stops(
                        "parameter-multifd-channels",
                        "The source makes " + from.orElse("?") + " page connections, the destination waits for "
                                + to.orElse("?") + ".",
                        "Set multifd-channels alike on both sides."))
                : Stream.of();
    }
}
