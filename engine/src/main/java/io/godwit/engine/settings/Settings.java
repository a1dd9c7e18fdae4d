// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.settings;

import java.util.HashSet;
import java.util.Set;

/**
 * What an operator has set for the migrations of one guest: parameters, capabilities, and whether arriving pages are
 * hashed.
 *
 * <p>Threads: any; nobody waits. Who changes capabilities sees to it that no migration begins meanwhile.
 */
public final class Settings {
    private volatile Set<Capability> capabilities = Set.of(Capability.RETURN_PATH, Capability.VALIDATE_UUID);
    private volatile MigrationParameters parameters = MigrationParameters.DEFAULTS;
    private volatile boolean verifying;

    /** Those of a guest of which nobody has set anything. */
    public Settings() {}

    /** The parameters, which a migration that runs looks at again and again. */
    public MigrationParameters parameters() {
        return parameters;
    }

    /** Changes them. */
    public void setParameters(MigrationParameters next) {
        parameters = next;
    }

    /** What is switched on; immutable. */
    public Set<Capability> capabilities() {
        return capabilities;
    }

    /** Whether one is switched on. */
    public boolean has(Capability capability) {
        return capabilities.contains(capability);
    }

    /**
     * Switches capabilities: all of these, or none if what came of it could not be.
     *
     * @throws io.godwit.engine.outcome.MigrationException.Refused if this version does not have one, or they do not go
     *     together
     */
    public void switchCapabilities(Set<Capability> on, Set<Capability> off) {
        Set<Capability> next = new HashSet<>(capabilities);
        next.addAll(on);
        next.removeAll(off);
        CapabilityRules.check(next);
        capabilities = Set.copyOf(next);
    }

    /** Whether an incoming migration that begins hashes each page as it comes. */
    public boolean verifying() {
        return verifying;
    }

    /** Switches that. */
    public void setVerifying(boolean on) {
        verifying = on;
    }
}
