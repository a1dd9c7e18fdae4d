// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.plan;

import io.godwit.engine.forecast.Outlook;
import io.godwit.engine.report.ForecastStatistics;
import java.util.OptionalLong;

/**
 * What a forecast said, and when.
 *
 * @param atNanos on the migration's clock
 */
public record Foretold(Outlook outlook, long atNanos) {
    /** The same for people: what is left becomes less as time goes on. */
    public ForecastStatistics statistics(long nowNanos) {
        long since = nowNanos - atNanos;
        return new ForecastStatistics(
                outlook.verdict(),
                outlook.why(),
                millis(outlook.leftNanos().best(), since),
                millis(outlook.leftNanos().high(), since),
                millis(outlook.downtimeNanos().best(), 0),
                outlook.help(),
                outlook.choice());
    }

    private static OptionalLong millis(double nanos, long since) {
        return Double.isFinite(nanos)
                ? OptionalLong.of((long) Math.ceil(Math.max(0, nanos - since) / 1e6))
                : OptionalLong.empty();
    }
}
