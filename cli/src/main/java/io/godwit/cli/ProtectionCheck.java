// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeSet;

/**
 * What stands against the protection of a guest by a secondary, and what whoever protects it should know. Asks nobody:
 * all of it follows from what the hosts have said.
 */
final class ProtectionCheck {
    /** They move the guest, or its memory, in ways that COLO does not know. */
    private static final List<String> EXCLUDED = List.of(
            "postcopy-ram",
            "x-postcopy-safe",
            "mapped-ram",
            "background-snapshot",
            "compress",
            "x-ignore-shared",
            "dirty-limit");

    /**
     * One thing.
     *
     * @param blocks whether the guest cannot be protected before that is changed
     */
    record Finding(boolean blocks, String sentence) {}

    private final List<Finding> findings = new ArrayList<>();

    private ProtectionCheck() {}

    /**
     * Looks at both sides.
     *
     * @param secondary empty if nobody there answers QMP
     * @param wanted settings that were asked for, by their QMP names
     */
    static List<Finding> of(HostFacts primary, Optional<HostFacts> secondary, List<String> wanted) {
        ProtectionCheck check = new ProtectionCheck();
        check.primary(primary, wanted);
        secondary.ifPresentOrElse(
                there -> {
                    check.secondary(there);
                    check.pair(primary, there);
                },
                () -> check.note("The secondary was not asked: what it lacks shows when the guest comes to it."));
        check.loss(primary, secondary);
        return List.copyOf(check.findings);
    }

    private void block(String sentence) {
        findings.add(new Finding(true, sentence));
    }

    private void note(String sentence) {
        findings.add(new Finding(false, sentence));
    }

    private void primary(HostFacts host, List<String> wanted) {
        if (host.migration().equals("colo")) {
            block("The primary is in COLO already; x-colo-lost-heartbeat or migrate_cancel there ends that.");
        } else if (isBusy(host.migration())) {
            block("The primary is in the middle of a migration ('" + host.migration()
                    + "'); wait for its end, or cancel it.");
        } else if (List.of("inmigrate", "postmigrate").contains(host.status())) {
            block("The primary has no guest to protect: it is '" + host.status() + "'.");
        }
        colo("primary", host);
        excluded("primary", host);
        if (!host.godwit()) {
            qemuPrimary(host, wanted);
        }
    }

    private void qemuPrimary(HostFacts host, List<String> wanted) {
        HostFacts.Version version = host.version();
        if (version.isAtLeast(10, 0, 0) && !version.isAtLeast(10, 0, 7)) {
            block("QEMU " + version + " does not work as a primary: it ends 'completed' instead of 'colo', and its"
                    + " guest is gone from it. 10.0.7 and later do, and so do 9.2 and earlier.");
        } else if (version.isAtLeast(10, 1, 0) && !version.isAtLeast(10, 2, 0)) {
            note("An early QEMU 10.1 does not work as a primary: it ends 'completed' instead of 'colo'. Take the"
                    + " latest 10.1, or 10.2.");
        }
        if (!version.isAtLeast(8, 0, 0)) {
            note("A QEMU 7.2 has been seen to answer no QMP any more as a primary, after some checkpoints.");
        }
        for (String name : wanted) {
            if (!name.equals("x-checkpoint-delay")) {
                block("The parameter " + name + " is Godwit's own, and the primary is a QEMU.");
            }
        }
        if (host.switchedOn().contains("return-path") && !version.isAtLeast(11, 0, 0)) {
            note("The primary's capability return-path is switched off: a QEMU before 11.0 takes the secondary's first"
                    + " word in COLO for one of that path, and fails.");
        }
    }

    private void secondary(HostFacts host) {
        colo("secondary", host);
        excluded("secondary", host);
        if (!host.status().equals("inmigrate")) {
            block("The secondary does not wait for a guest: it is '" + host.status() + "'. Start it with "
                    + (host.godwit() ? "--incoming defer." : "-incoming defer."));
        } else if (!List.of("none", "setup").contains(host.migration())) {
            block("The secondary cannot take a guest: its migration is '" + host.migration() + "'. Start it anew.");
        } else if (host.listensAt().isPresent() && !host.switchedOn().contains(Protecting.CAPABILITY)) {
            block("The secondary listens at " + host.listensAt().get() + " with x-colo off, and takes no capability any"
                    + " more. Start it with "
                    + (host.godwit() ? "--cap x-colo, or with --incoming defer." : "-incoming defer."));
        }
        if (!host.godwit()
                && host.machine().orElse("").contains("q35")
                && !host.version().isAtLeast(11, 0, 0)) {
            note("A QEMU before 11.0 with the machine q35 has ended at its first checkpoint as a secondary; pc has"
                    + " not.");
        }
    }

    private void colo(String side, HostFacts host) {
        if (!host.hasColo()) {
            block("The " + side + ", a " + host.kind() + ", has no COLO: "
                    + (host.godwit()
                            ? "it is of a version before it."
                            : "it was built without replication (configure --enable-replication)."));
        }
    }

    private void excluded(String side, HostFacts host) {
        TreeSet<String> names = new TreeSet<>(host.switchedOn());
        boolean severalChannels = names.contains("multifd") && !host.version().isAtLeast(11, 0, 0);
        names.retainAll(EXCLUDED);
        if (severalChannels) {
            names.add("multifd");
        }
        if (!names.isEmpty()) {
            block("At the " + side + " " + String.join(" and ", names) + (names.size() == 1 ? " is" : " are")
                    + " on, which COLO cannot go with: switch " + (names.size() == 1 ? "it" : "them") + " off.");
        }
    }

    private void pair(HostFacts primary, HostFacts secondary) {
        String here = primary.machine().orElse("");
        String there = secondary.machine().orElse("");
        boolean opaque = secondary.godwit() && there.equals(HostFacts.OPAQUE);
        if (primary.godwit() && !secondary.godwit()) {
            if (List.of("kvm", "memory").contains(here)) {
                block("The primary's guest is of Godwit's own machine type 'godwit-" + here
                        + "', which no QEMU has: its secondary must be a Godwit too.");
            }
        } else if (!opaque && !here.isEmpty() && !there.isEmpty() && !here.equals(there)) {
            block(
                    primary.godwit() || !secondary.godwit()
                            ? "The machine types differ: '" + here + "' at the primary, '" + there
                                    + "' at the secondary."
                            : "A Godwit can keep a QEMU's guest, not run it: start the secondary with --guest opaque.");
        }
        OptionalLong has = primary.memoryBytes();
        OptionalLong room = secondary.memoryBytes();
        // A host that keeps whatever comes says how much it has room for when it refuses.
        if (!opaque && has.isPresent() && room.isPresent() && has.getAsLong() != room.getAsLong()) {
            block("The guest has " + ByteSize.binary(has.getAsLong()) + " of memory, and the secondary "
                    + ByteSize.binary(room.getAsLong()) + ".");
        }
        if (opaque) {
            note("The secondary keeps the guest as it is at each checkpoint, and cannot run it.");
        }
    }

    /** What happens when one of them is lost, and what outputs wait for. */
    private void loss(HostFacts primary, Optional<HostFacts> secondary) {
        boolean known = secondary.isPresent();
        boolean godwits = primary.godwit() && secondary.map(HostFacts::godwit).orElse(true);
        if (godwits) {
            note((known ? "Who" : "If the secondary is a Godwit, who")
                    + " goes on when one of them is lost is decided by the token of their arbiter, if both use the same"
                    + " one. Whether they do is told when the guest is protected.");
        } else {
            note("A QEMU has no token. When one side is lost the other waits: whoever knows that it is dead says"
                    + " x-colo-lost-heartbeat to the survivor. Said wrongly, there are two guests.");
        }
        if (primary.godwit() && (!godwits || !known)) {
            note((known ? "A" : "If the secondary is a") + " QEMU answers no comparison: the guest's outputs wait for"
                    + " the next checkpoint, so --delay is how long clients wait at most.");
        }
    }

    private static boolean isBusy(String migration) {
        return switch (migration) {
            case "none", "completed", "failed", "cancelled" -> false;
            default -> true;
        };
    }
}
