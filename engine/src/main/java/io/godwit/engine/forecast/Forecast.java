// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToDoubleFunction;

/**
 * What will come of each way to move a guest.
 *
 * @param outcomes one for each {@link Method}, in their order
 */
public record Forecast(List<Outcome> outcomes) {
    private static final double MIB = 1 << 20;

    /** Makes a copy of the list. */
    public Forecast {
        outcomes = List.copyOf(outcomes);
    }

    /** Simulates every method, at both ends of the error bars and in between. */
    public static Forecast of(GuestProfile profile, Link link, Conditions conditions) {
        List<Outcome> outcomes = new ArrayList<>();
        for (Method method : Method.values()) {
            outcomes.add(of(method, profile, link, conditions));
        }
        return new Forecast(outcomes);
    }

    /** What will come of one method. */
    public static Outcome of(Method method, GuestProfile profile, Link link, Conditions conditions) {
        return of(method, profile, link, conditions, Position.begin(profile));
    }

    /** What is still to come of a migration that stands somewhere. */
    static Outcome of(Method method, GuestProfile profile, Link link, Conditions conditions, Position position) {
        Map<Scenario, SimulatedRun> runs = new EnumMap<>(Scenario.class);
        for (Scenario scenario : Scenario.values()) {
            runs.put(scenario, run(method, profile, link, conditions, position, scenario));
        }
        return new Outcome(
                method,
                verdict(runs, link, conditions),
                spread(runs, run -> run.finished() ? run.totalNanos() : Double.POSITIVE_INFINITY),
                spread(runs, run -> run.finished() ? run.bytes() : Double.POSITIVE_INFINITY),
                spread(runs, run -> run.finished() ? run.passes() : Double.POSITIVE_INFINITY),
                spread(runs, SimulatedRun::downtimeNanos),
                spread(runs, SimulatedRun::slowdown),
                spread(runs, SimulatedRun::faults));
    }

    /** The outcome of one method. */
    public Outcome outcome(Method method) {
        return outcomes.stream()
                .filter(outcome -> outcome.method() == method)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("this forecast is not about " + method.publicName()));
    }

    /** One end of the error bars. */
    static SimulatedRun run(
            Method method,
            GuestProfile profile,
            Link link,
            Conditions conditions,
            Position position,
            Scenario scenario) {
        GuestWrites writes = profile.curve().at(scenario);
        return new PassSimulator(profile, writes, link, conditions, scenario, position).run(method);
    }

    private static SimulatedRun run(Map<Scenario, SimulatedRun> runs, Scenario scenario) {
        return Objects.requireNonNull(runs.get(scenario));
    }

    private static Estimate spread(Map<Scenario, SimulatedRun> runs, ToDoubleFunction<SimulatedRun> figure) {
        return Estimate.around(
                figure.applyAsDouble(run(runs, Scenario.OPTIMISTIC)),
                figure.applyAsDouble(run(runs, Scenario.LIKELY)),
                figure.applyAsDouble(run(runs, Scenario.PESSIMISTIC)));
    }

    private static Verdict verdict(Map<Scenario, SimulatedRun> runs, Link link, Conditions conditions) {
        SimulatedRun calm = run(runs, Scenario.OPTIMISTIC);
        SimulatedRun busy = run(runs, Scenario.PESSIMISTIC);
        if (!calm.finished()) {
            return new Verdict.WillNotFinish("Even at its calmest, " + stuck(calm, link, conditions));
        }
        boolean likely = run(runs, Scenario.LIKELY).finished();
        return busy.finished() && likely
                ? new Verdict.WillFinish()
                : new Verdict.Uncertain("At its busiest, " + stuck(busy, link, conditions));
    }

    private static String stuck(SimulatedRun run, Link link, Conditions conditions) {
        double fitting = link.bytesPerSecond() * conditions.downtimeLimitNanos() / 1e9;
        return String.format(
                Locale.ROOT,
                "the guest dirties %.1f MiB again in each pass of %.0f ms, and no more than %.1f MiB may be left for "
                        + "a pause"
                        + " of %d ms at %.0f MB/s.",
                run.restPages() * PassSimulator.PAGE_BYTES / MIB,
                run.lastPassNanos() / 1e6,
                fitting / MIB,
                conditions.parameters().downtimeLimitMillis(),
                link.bytesPerSecond() / 1e6);
    }
}
