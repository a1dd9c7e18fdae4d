// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What capabilities and parameters are called over QMP. Names that QEMU 10.0's schema does not have begin with {@code
 * x-} in answers, so that a client that knows the schema is not surprised; commands take them without it, too.
 */
final class SettingNames {
    private static final String OWN = "x-";
    private static final Set<Capability> OWN_CAPABILITIES = EnumSet.of(Capability.POSTCOPY_SAFE, Capability.AUTOPILOT);
    private static final Set<MigrationParameter> OWN_PARAMETERS = EnumSet.of(
            MigrationParameter.POSTCOPY_START_TIME,
            MigrationParameter.POSTCOPY_AFTER_PASSES,
            MigrationParameter.BACKGROUND_SYNC_INTERVAL,
            MigrationParameter.MAX_GUEST_SLOWDOWN);

    private SettingNames() {}

    static String of(Capability capability) {
        return OWN_CAPABILITIES.contains(capability) ? OWN + capability.publicName() : capability.publicName();
    }

    static String of(MigrationParameter parameter) {
        return OWN_PARAMETERS.contains(parameter) ? OWN + parameter.publicName() : parameter.publicName();
    }

    /** All names that commands take for a parameter. */
    static List<String> allOf(MigrationParameter parameter) {
        return OWN_PARAMETERS.contains(parameter)
                ? List.of(of(parameter), parameter.publicName())
                : List.of(parameter.publicName());
    }

    /** The capability that a command means. */
    static Optional<Capability> capability(String name) {
        return Capability.named(name)
                .or(() -> OWN_CAPABILITIES.stream()
                        .filter(capability -> of(capability).equals(name))
                        .findFirst());
    }
}
