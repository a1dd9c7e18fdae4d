// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.doctor;

import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** What can be said of a source alone. */
final class SourceRules {
    /** All of them. */
    static final List<Function<Side, Stream<Finding>>> TABLE = List.of(
            SourceRules::blockers,
            SourceRules::state,
            SourceRules::underWay,
            SourceRules::zeroCopy,
            SourceRules::settings,
            SourceRules::limit);

    static final Set<String> UNDER_WAY = Set.of(
            "setup",
            "active",
            "device",
            "pre-switchover",
            "cancelling",
            "wait-unplug",
            "colo",
            "postcopy-active",
            "postcopy-paused",
            "postcopy-recover",
            "postcopy-recover-setup");

    private static final long MEBI = 1 << 20;

    private SourceRules() {}

    static Stream<Finding> blockers(Side source) {
        return source.at("query-migrate").path("blocked-reasons").values().stream()
                .map(JsonNode::asString)
                .map(reason -> Finding.stops(
                        "blocked",
                        "The source's QEMU refuses: " + reason + ".",
                        "Unplug that device (device_del), or stop using that feature."));
    }

    static Stream<Finding> state(Side source) {
        return switch (source.status()) {
            case "running" -> Stream.of();
            case "inmigrate" ->
                Stream.of(Finding.stops(
                        "source-state",
                        "The source " + source.address() + " waits for a guest and has none.",
                        "Name the side that has the guest with --qmp, the other with --destination."));
            case "postmigrate" ->
                Stream.of(Finding.stops(
                        "source-state",
                        "The source is in state postmigrate: its guest was migrated already, and QEMU refuses to"
                                + " migrate it again.",
                        "Be sure that it runs nowhere else, then say cont first."));
            case "finish-migrate" ->
                Stream.of(Finding.risk(
                        "source-state",
                        "The source is in state finish-migrate: its guest goes over just now.",
                        "Wait for the end of that migration."));
            case "suspended" ->
                Stream.of(Finding.note(
                        "source-state",
                        "The guest sleeps (suspended), and it arrives asleep.",
                        "Say system_wakeup, here before or there after the migration, if it shall run."));
            case "internal-error", "io-error", "guest-panicked", "watchdog", "shutdown" ->
                Stream.of(Finding.risk(
                        "source-state",
                        "The guest is in state " + source.status() + ", and it arrives in that state.",
                        "Mend the cause first."));
            default ->
                Stream.of(Finding.note(
                        "source-state",
                        "The guest does not run (" + source.status() + "), and it does not run at the destination.",
                        "Say cont, here before or there after the migration, if it shall run."));
        };
    }

    static Stream<Finding> underWay(Side source) {
        return UNDER_WAY.contains(source.migration())
                ? Stream.of(Finding.stops(
                        "under-way",
                        "The source migrates already (" + source.migration() + ").",
                        "Wait for its end, or cancel it with migrate_cancel."))
                : Stream.of();
    }

    static Stream<Finding> zeroCopy(Side source) {
        if (!source.has("zero-copy-send") && !source.has("rdma-pin-all")) {
            return Stream.of();
        }
        String which = source.has("zero-copy-send") ? "zero-copy-send" : "rdma-pin-all";
        return Stream.of(Finding.risk(
                "locked-memory",
                which + " is on: QEMU must lock memory, and fails in the middle where RLIMIT_MEMLOCK is too small.",
                "Give QEMU a limit as large as the guest's RAM (prlimit --memlock, LimitMEMLOCK=)."));
    }

    static Stream<Finding> settings(Side source) {
        Stream.Builder<Finding> found = Stream.builder();
        if (source.has("background-snapshot")) {
            found.add(Finding.stops(
                    "background-snapshot",
                    "background-snapshot is on: QEMU would write a snapshot and keep the guest.",
                    "Switch it off before a migration."));
        }
        if (source.has("mapped-ram")) {
            found.add(Finding.stops(
                    "mapped-ram",
                    "mapped-ram is on: QEMU writes that form into files only, and refuses a socket.",
                    "Switch it off before a migration to another host."));
        }
        if (source.has("release-ram")) {
            found.add(Finding.risk(
                    "release-ram",
                    "release-ram is on: the source gives back what it has sent, and cannot take the guest back.",
                    "Switch it off unless the host lacks memory."));
        }
        if (source.has("pause-before-switchover")) {
            found.add(Finding.note(
                    "pause-before-switchover",
                    "pause-before-switchover is on: the guest stands still until somebody says migrate-continue.",
                    "Have that said in time, or switch it off."));
        }
        if (source.has("x-ignore-shared")) {
            found.add(Finding.note(
                    "x-ignore-shared",
                    "x-ignore-shared is on: memory that is shared with a file is not sent.",
                    "Be sure that the destination maps the same files."));
        }
        return found.build();
    }

    static Stream<Finding> limit(Side source) {
        long limit = source.maxBandwidth();
        return limit > 0
                ? Stream.of(Finding.note(
                        "max-bandwidth",
                        "The source sends at most " + limit / MEBI + " MiB/s (max-bandwidth).",
                        "Raise it if the wire carries more: --set max-bandwidth=SIZE."))
                : Stream.of();
    }
}
