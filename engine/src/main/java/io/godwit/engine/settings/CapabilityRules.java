// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.settings;

import io.godwit.engine.outcome.MigrationException;
import io.godwit.engine.transport.MigrationUri;
import java.util.Set;

/** Which capabilities go together. */
public final class CapabilityRules {
    private CapabilityRules() {}

    /**
     * Checks all that would be on.
     *
     * @throws MigrationException.Refused with the reason, if one is not in this version or lacks another
     */
    public static void check(Set<Capability> on) {
        for (Capability capability : on) {
            if (!capability.isAvailable()) {
                throw new MigrationException.Refused(
                        "Capability '" + capability.publicName() + "' is not available in this version of Godwit.");
            }
        }
        requires(on, Capability.POSTCOPY_PREEMPT, Capability.POSTCOPY_RAM);
        requires(on, Capability.POSTCOPY_SAFE, Capability.POSTCOPY_RAM);
        excludes(on, Capability.X_COLO, Capability.POSTCOPY_RAM);
        oneOf(on, Capability.DIRTY_LIMIT, Capability.AUTO_CONVERGE);
        oneOf(on, Capability.AUTOPILOT, Capability.AUTO_CONVERGE);
        oneOf(on, Capability.AUTOPILOT, Capability.DIRTY_LIMIT);
    }

    private static void oneOf(Set<Capability> on, Capability one, Capability other) {
        if (on.contains(one) && on.contains(other)) {
            throw new MigrationException.Refused("Capabilities '" + one.publicName() + "' and '" + other.publicName()
                    + "' both throttle the guest: switch on one of them.");
        }
    }

    private static void excludes(Set<Capability> on, Capability capability, Capability other) {
        if (on.contains(capability) && on.contains(other)) {
            throw new MigrationException.Refused("Capabilities '" + capability.publicName() + "' and '"
                    + other.publicName() + "' do not go together: switch one of them off.");
        }
    }

    private static void requires(Set<Capability> on, Capability capability, Capability needed) {
        if (on.contains(capability) && !on.contains(needed)) {
            throw new MigrationException.Refused("Capability '" + capability.publicName() + "' requires '"
                    + needed.publicName() + "': switch both on, or both off, in one command.");
        }
    }

    /**
     * Whether a migration with these capabilities can go there: postcopy needs answers, and some capabilities need
     * more than one connection to the same address.
     *
     * @throws MigrationException.Refused if it cannot
     */
    public static void checkTarget(Set<Capability> capabilities, MigrationUri target) {
        boolean postcopy = capabilities.contains(Capability.POSTCOPY_RAM);
        boolean preempt = capabilities.contains(Capability.POSTCOPY_PREEMPT);
        boolean safe = capabilities.contains(Capability.POSTCOPY_SAFE);
        boolean colo = capabilities.contains(Capability.X_COLO);
        switch (target) {
            case MigrationUri.Tcp _, MigrationUri.Unix _ -> {}
            case MigrationUri.Fd _ -> {
                if (preempt || safe) {
                    throw new MigrationException.Refused("Migration requires multi-channel URIs (e.g. tcp): " + target
                            + " is one connection, and " + (preempt ? "postcopy-preempt" : "postcopy-safe")
                            + " needs more.");
                }
                if (colo && capabilities.contains(Capability.RETURN_PATH)) {
                    throw new MigrationException.Refused("Migration requires multi-channel URIs (e.g. tcp): " + target
                            + " is one connection, and COLO with a Godwit needs two, for heartbeats and for what is"
                            + " compared. Use tcp: or unix:; for a QEMU switch 'return-path' off.");
                }
            }
            case MigrationUri.Exec _, MigrationUri.File _ -> {
                if (colo) {
                    throw new MigrationException.Refused("COLO is not possible over " + target
                            + ", which has no way back; use tcp: or unix:, or switch 'x-colo' off.");
                }
                if (postcopy) {
                    throw new MigrationException.Refused("Postcopy is not possible over " + target
                            + ", which has no way back; use tcp: or unix:, or switch 'postcopy-ram' off.");
                }
            }
        }
    }
}
