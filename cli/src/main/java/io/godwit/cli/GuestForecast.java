// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpClient;
import io.godwit.engine.forecast.Advice;
import io.godwit.engine.forecast.Conditions;
import io.godwit.engine.forecast.Forecast;
import io.godwit.engine.forecast.Link;
import io.godwit.engine.forecast.Method;
import io.godwit.engine.settings.MigrationParameters;
import io.godwit.qemu.doctor.Finding;
import io.godwit.qemu.doctor.Severity;
import org.jspecify.annotations.Nullable;

/** What a short look at a guest foretells, as one finding. */
final class GuestForecast {
    private static final String RULE = "forecast";
    private static final long FAST_WIRE = 1L << 30;

    private GuestForecast() {}

    /**
     * Watches the guest and weighs.
     *
     * @param limit the source's limit in bytes a second; 0 for none
     * @param asked what the user says instead
     */
    static Finding finding(QmpClient client, long limit, @Nullable Long asked, int watchSeconds) {
        long bandwidth = asked != null ? asked : limit > 0 ? limit : FAST_WIRE;
        try {
            GuestWatch watch = new GuestWatch(client);
            watch.watch(watchSeconds * 1000L);
            Link link = Link.of(bandwidth);
            Conditions conditions = watch.conditions(link, MigrationParameters.DEFAULTS.downtimeLimitMillis());
            Advice advice = Advice.of(Forecast.of(watch.profile(), link, conditions), link, conditions);
            return new Finding(
                    advice.method() == Method.PRECOPY ? Severity.NOTE : Severity.RISK,
                    RULE,
                    "At " + ByteSize.binary(bandwidth) + "/s: " + advice.why(),
                    "For the whole forecast and the settings: godwit advise --qmp " + client.address() + " --bandwidth "
                            + bandwidth);
        } catch (CommandFailure e) {
            return new Finding(
                    Severity.NOTE,
                    RULE,
                    "There is no forecast: " + e.getMessage(),
                    "Try godwit advise with a longer --watch.");
        }
    }
}
