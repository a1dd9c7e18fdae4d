// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.settings.Capability;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.host.HostControl;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The commands that begin migrations and change their settings. */
final class MigrationCommands {
    private final HostControl host;

    MigrationCommands(HostControl host) {
        this.host = host;
    }

    void migrate(QmpArguments arguments) {
        String uri = MigrationWords.uri(arguments);
        arguments.optionalBool("detach");
        if (arguments.optionalBool("resume").orElse(false)) {
            host.migration().resume(uri);
        } else {
            host.migration().migrate(uri);
        }
    }

    void migrateIncoming(QmpArguments arguments) {
        String uri = MigrationWords.uri(arguments);
        host.migrateIncoming(uri, arguments.optionalBool("exit-on-error").orElse(false));
    }

    void migrateRecover(QmpArguments arguments) {
        host.migration().recover(arguments.string("uri"));
    }

    void migrateContinue(QmpArguments arguments) {
        String name = arguments.string("state");
        MigrationStatus status = MigrationWords.status(name)
                .orElseThrow(() -> QmpException.generic("Parameter 'state' does not accept value '" + name + "'"));
        host.migration().continueFrom(status);
    }

    /** The arguments of {@code migrate-set-parameters}. */
    static String parameterNames() {
        return Arrays.stream(MigrationParameter.values())
                .flatMap(parameter -> SettingNames.allOf(parameter).stream())
                .collect(Collectors.joining(" "));
    }

    void setParameters(QmpArguments arguments) {
        Map<MigrationParameter, Long> changes = new EnumMap<>(MigrationParameter.class);
        for (MigrationParameter parameter : MigrationParameter.values()) {
            for (String name : SettingNames.allOf(parameter)) {
                if (parameter.isSwitch()) {
                    arguments.optionalBool(name).ifPresent(on -> changes.put(parameter, on ? 1L : 0L));
                } else {
                    arguments.optionalUnsigned(name).ifPresent(value -> changes.put(parameter, value));
                }
            }
        }
        try {
            host.migration().setParameters(host.migration().parameters().with(changes));
        } catch (IllegalArgumentException e) {
            throw QmpException.generic("Parameter " + e.getMessage());
        }
    }

    void setCapabilities(QmpArguments arguments) {
        Set<Capability> on = EnumSet.noneOf(Capability.class);
        Set<Capability> off = EnumSet.noneOf(Capability.class);
        for (QmpArguments element : arguments.objects("capabilities")) {
            String name = element.string("capability");
            boolean state = element.bool("state");
            element.rejectUnexpected();
            Capability capability = SettingNames.capability(name)
                    .orElseThrow(
                            () -> QmpException.generic("Parameter 'capability' does not accept value '" + name + "'"));
            if (state && !capability.isAvailable()) {
                throw QmpException.generic("Capability '" + name + "' is not in this version of Godwit");
            }
            (state ? on : off).add(capability);
            (state ? off : on).remove(capability);
        }
        host.setCapabilities(on, off);
    }
}
