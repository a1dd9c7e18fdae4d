// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.Locale;

/**
 * Chooses how a migration that runs goes on: the least that must be taken from the guest so that its passes end, or
 * postcopy where that is allowed and they do not end otherwise. Pure arithmetic.
 */
public final class Autopilot {
    /** A guest that is throttled at all is to arrive within so many times as its whole memory takes. */
    private static final double PATIENCE = 3;

    /**
     * And it is to lose, all in all, no more of its time than so many times what it would lose if it were throttled
     * most, and so for the shortest time.
     */
    private static final double SPARING = 1.5;

    /** Beyond what is likely to do, so much of what the guest has left is taken at most to be sure. */
    private static final double MARGIN = 0.25;

    private Autopilot() {}

    /**
     * What is to be done.
     *
     * @param percent to be taken from each vCPU
     * @param postcopy whether the guest is to go ahead of its memory
     * @param sentence what was chosen, and why
     */
    public record Choice(int percent, boolean postcopy, String sentence) {}

    /**
     * Chooses.
     *
     * @param postcopyAllowed whether {@code postcopy-ram} is on
     */
    static Choice choose(
            GuestProfile profile, Link link, Conditions conditions, Position position, boolean postcopyAllowed) {
        Passes busy = new Passes(profile, link, conditions, position, Scenario.PESSIMISTIC);
        if (busy.finish(0)) {
            return new Choice(0, false, "Nothing is taken from the guest: its passes end by themselves.");
        }
        Passes passes = new Passes(profile, link, conditions, position, Scenario.LIKELY);
        int most = most(conditions.parameters());
        double patience = PATIENCE * profile.totalBytes() * 1e9 / link.bytesPerSecond();
        if (passes.finishWithin(most, patience)) {
            int likely = passes.least(most, patience);
            int sure = busy.finishWithin(most, patience) ? busy.least(most, patience) : most;
            int percent = Math.min(sure, likely + (int) ((100 - likely) * MARGIN));
            return new Choice(
                    percent,
                    false,
                    String.format(
                            Locale.ROOT,
                            "%d %% is taken from the guest: with much less its passes would not end, or take so long "
                                    + "that it would lose more.",
                            percent));
        }
        String tooMuch = String.format(
                Locale.ROOT,
                "its passes would not end, or not within %.0f s, %swith %d %% taken from it, the most that is allowed",
                Math.ceil(patience / 1e9),
                most == 0 ? "" : "even ",
                most);
        if (postcopyAllowed) {
            return new Choice(0, true, "The guest goes ahead of its memory, by postcopy: " + tooMuch + ".");
        }
        return passes.finish(most)
                ? new Choice(
                        most,
                        false,
                        most + " % is taken from the guest, the most that is allowed: it ends, but not soon.")
                : new Choice(
                        most,
                        false,
                        most + " % is taken from the guest, the most that is allowed, and its passes do not end;"
                                + " postcopy-ram is off.");
    }

    private static int most(MigrationParameters parameters) {
        return (int) Math.min(
                parameters.get(MigrationParameter.MAX_GUEST_SLOWDOWN),
                parameters.get(MigrationParameter.MAX_CPU_THROTTLE));
    }

    /** The passes of a guest that loses a steady share. */
    private record Passes(
            GuestProfile profile, Link link, Conditions conditions, Position position, Scenario scenario) {
        private SimulatedRun run(int percent) {
            return Forecast.run(Method.PRECOPY, profile, link, conditions, position.throttled(percent), scenario);
        }

        boolean finish(int percent) {
            return run(percent).finished();
        }

        boolean finishWithin(int percent, double nanos) {
            SimulatedRun run = run(percent);
            return run.finished() && run.totalNanos() <= nanos;
        }

        private static double lostNanos(SimulatedRun run) {
            return run.slowdown() * run.totalNanos();
        }

        int least(int enough, double nanos) {
            double bearable = SPARING * lostNanos(run(enough));
            int tooLittle = -1;
            int least = enough;
            while (least - tooLittle > 1) {
                int middle = (tooLittle + least) / 2;
                SimulatedRun run = run(middle);
                if (run.finished() && run.totalNanos() <= nanos && lostNanos(run) <= bearable) {
                    least = middle;
                } else {
                    tooLittle = middle;
                }
            }
            return least;
        }
    }
}
