// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

import java.util.Set;

/** Which capabilities go together. */
final class CapabilityRules {
    private CapabilityRules() {}

    /**
     * Checks all that would be on.
     *
     * @throws MigrationException.Refused with the reason, if one is not in this version or lacks another
     */
    static void check(Set<Capability> on) {
        for (Capability capability : on) {
            if (!capability.isAvailable()) {
                throw new MigrationException.Refused(
                        "Capability '" + capability.publicName() + "' is not available in this version of Godwit.");
            }
        }
        requires(on, Capability.POSTCOPY_PREEMPT, Capability.POSTCOPY_RAM);
        requires(on, Capability.POSTCOPY_SAFE, Capability.POSTCOPY_RAM);
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

    private static void requires(Set<Capability> on, Capability capability, Capability needed) {
        if (on.contains(capability) && !on.contains(needed)) {
            throw new MigrationException.Refused("Capability '" + capability.publicName() + "' requires '"
                    + needed.publicName() + "': switch both on, or both off, in one command.");
        }
    }
}
