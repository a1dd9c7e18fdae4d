// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import io.godwit.engine.settings.MigrationParameter;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * Which way to take, with which settings, and why.
 *
 * @param method the way
 * @param capabilities to be switched on, by their QMP names
 * @param parameters to be set, by their QMP names, in their order
 * @param why one sentence
 */
public record Advice(Method method, List<String> capabilities, SequencedMap<String, Long> parameters, String why) {
    /** A guest that loses more than this for the sake of precopy is better off in postcopy. */
    private static final double BEARABLE_SLOWDOWN = 0.5;

    /** Weighs a forecast. */
    public static Advice of(Forecast forecast, Link link, Conditions conditions) {
        TreeMap<String, Long> parameters = new TreeMap<>();
        parameters.put("max-bandwidth", link.bytesPerSecond());
        parameters.put("downtime-limit", conditions.parameters().downtimeLimitMillis());
        Outcome plain = forecast.outcome(Method.PRECOPY);
        if (plain.verdict() instanceof Verdict.WillFinish) {
            return new Advice(Method.PRECOPY, List.of(), parameters, plainWhy(plain));
        }
        for (Method method : List.of(Method.AUTO_CONVERGE, Method.DIRTY_LIMIT)) {
            Outcome throttled = forecast.outcome(method);
            if (throttled.verdict() instanceof Verdict.WillFinish
                    && throttled.slowdown().high() <= BEARABLE_SLOWDOWN) {
                if (method == Method.DIRTY_LIMIT) {
                    parameters.put(
                            "vcpu-dirty-limit", conditions.parameters().get(MigrationParameter.VCPU_DIRTY_LIMIT));
                }
                return new Advice(method, List.of(method.publicName()), parameters, throttledWhy(plain, throttled));
            }
        }
        parameters.put("max-postcopy-bandwidth", link.bytesPerSecond());
        return new Advice(
                Method.PRECOPY_THEN_POSTCOPY,
                List.of("postcopy-ram", "postcopy-preempt"),
                parameters,
                postcopyWhy(plain, forecast.outcome(Method.PRECOPY_THEN_POSTCOPY)));
    }

    private static String plainWhy(Outcome plain) {
        return String.format(
                Locale.ROOT,
                "Plain precopy finishes within %.1f s at worst and slows the guest by no more than %.0f %%.",
                plain.totalNanos().high() / 1e9,
                plain.slowdown().high() * 100);
    }

    private static String throttledWhy(Outcome plain, Outcome throttled) {
        return String.format(
                Locale.ROOT,
                "Plain precopy %s, and %s does within %.1f s at worst, for at most %.0f %% of the guest's work.",
                ending(plain),
                throttled.method().publicName(),
                throttled.totalNanos().high() / 1e9,
                throttled.slowdown().high() * 100);
    }

    private static String postcopyWhy(Outcome plain, Outcome hybrid) {
        return String.format(
                Locale.ROOT,
                "Plain precopy %s and throttling would cost more than %.0f %% of the guest's work or not help; one "
                        + "pass and"
                        + " then postcopy ends within %.1f s at worst, with about %.0f faults.",
                ending(plain),
                BEARABLE_SLOWDOWN * 100,
                hybrid.totalNanos().high() / 1e9,
                hybrid.faults().best());
    }

    private static String ending(Outcome plain) {
        return switch (plain.verdict()) {
            case Verdict.WillFinish _ -> "finishes";
            case Verdict.WillNotFinish _ -> "will not finish";
            case Verdict.Uncertain _ -> "may not finish";
        };
    }
}
