// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import io.godwit.engine.forecast.Autopilot.Choice;
import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * The model of a migration that runs. It is told what each sync found and what was sent, and says how it goes on. No
 * clock of its own; one thread at a time.
 */
public final class RunningForecast {
    private static final long UNKNOWN = -1;

    /** A guest that would have to stand still for longer is better helped in another way. */
    private static final long BEARABLE_MILLIS = 5_000;

    private static final int MOST_PERCENT = 99;

    private final WriteHistory history = new WriteHistory();
    private final WireSpeed wire = new WireSpeed();
    private long totalBytes;
    private final int vcpus;
    private final Steering steering;
    private long limitBytesPerSecond = UNKNOWN;
    private long lookedIntoNanos;

    /** Who says how the migration ends. */
    public enum Steering {
        /** Nobody: passes as they come. */
        NONE(Method.PRECOPY),
        /** The policy of {@code auto-converge}. */
        AUTO_CONVERGE(Method.AUTO_CONVERGE),
        /** The policy of {@code dirty-limit}. */
        DIRTY_LIMIT(Method.DIRTY_LIMIT),
        /** This forecast itself. */
        AUTOPILOT(Method.PRECOPY);

        private final Method method;

        Steering(Method method) {
            this.method = method;
        }
    }

    /**
     * What is to be judged.
     *
     * @param nowNanos by the clock that all moments are of
     * @param parameters that hold now
     * @param dirtyPages that are still to be sent
     * @param hotPages those of them that this pass leaves for the next
     * @param zeroShare what share of them holds zeros only
     * @param percent that is taken from the vCPUs
     * @param postcopyAllowed whether {@code postcopy-ram} is on
     * @param postcopyComes whether somebody, or a parameter, has settled that postcopy comes
     */
    public record Now(
            long nowNanos,
            MigrationParameters parameters,
            long dirtyPages,
            long hotPages,
            Estimate zeroShare,
            int percent,
            boolean postcopyAllowed,
            boolean postcopyComes) {}

    /** A forecast, and what {@code autopilot} makes of it, when it is on. */
    public record Judgement(Outlook outlook, Optional<Choice> choice) {}

    /** A model that knows nothing yet. */
    public RunningForecast(long totalBytes, int vcpus, Steering steering) {
        this.totalBytes = totalBytes;
        this.vcpus = vcpus;
        this.steering = steering;
    }

    /** The guest has more memory now, or less. */
    public void resize(long newTotalBytes) {
        totalBytes = newTotalBytes;
    }

    /**
     * A sync found so many pages written.
     *
     * @param nanos since the sync before it
     * @param taken what share of this time the guest was kept from running, from 0 to 1
     */
    public void harvested(long nowNanos, long nanos, double taken, long pages) {
        long guestNanos = (long) (nanos * (1 - taken));
        history.add(nowNanos, guestNanos, pages);
        lookedIntoNanos += guestNanos;
    }

    /** All syncs so far together, which were looks into the first pass, found so many different pages. */
    public void foundInFirstPass(long nowNanos, long hotPages) {
        history.add(nowNanos, lookedIntoNanos, hotPages);
    }

    /**
     * So much was sent.
     *
     * @param nanos in this time
     * @param pausedNanos of it to keep to {@code limitBytesPerSecond}
     * @param limit {@code max-bandwidth}, 0 = none
     * @return false if that is too little to say anything, and better told together with what follows
     */
    public boolean sent(long nanos, long pausedNanos, long normalPages, long zeroPages, long limit) {
        boolean changed = limit != limitBytesPerSecond && limitBytesPerSecond != UNKNOWN;
        limitBytesPerSecond = limit;
        if (changed) {
            wire.forget();
            return true;
        }
        return wire.sent(nanos, pausedNanos, normalPages, zeroPages);
    }

    /** How many pages a pass over those that are dirty is likely to leave; empty if that is not known. */
    public OptionalDouble pagesAfterPass(Now now) {
        Optional<Link> link = link(now);
        Optional<DirtyCurve> curve = curve(now);
        if (link.isEmpty() || curve.isEmpty()) {
            return OptionalDouble.empty();
        }
        double nanos = now.dirtyPages()
                * PassSimulator.NORMAL_RECORD_BYTES
                * 1e9
                / link.get().bytesPerSecond();
        return OptionalDouble.of(
                curve.get().scaled(now.percent() / 100.0).uniquePages(nanos).best());
    }

    private Optional<Link> link(Now now) {
        return wire.link(now.parameters().maxBandwidthBytesPerSecond());
    }

    private Optional<DirtyCurve> curve(Now now) {
        return history.curve(now.nowNanos(), totalBytes / (long) PassSimulator.PAGE_BYTES);
    }

    /** Judges. */
    public Judgement judge(Now now) {
        Optional<Link> link = link(now);
        Optional<DirtyCurve> curve = curve(now);
        if (link.isEmpty()) {
            return new Judgement(
                    curve.flatMap(known -> evenAtTheLimit(now, known))
                            .orElseGet(
                                    () -> Outlook.unknown("Not enough has been sent to know what the wire carries.")),
                    Optional.empty());
        }
        if (curve.isEmpty()) {
            return new Judgement(Outlook.unknown("It is not known yet what the guest writes."), Optional.empty());
        }
        Case it = theCase(now, curve.get(), link.get());
        if (now.postcopyComes()) {
            return new Judgement(outlook(it.of(Method.PRECOPY_THEN_POSTCOPY), it, Optional.empty()), Optional.empty());
        }
        if (steering != Steering.AUTOPILOT) {
            return new Judgement(outlook(it.of(steering.method), it, Optional.empty()), Optional.empty());
        }
        Choice choice = Autopilot.choose(it.profile, it.link, it.conditions, it.position, now.postcopyAllowed());
        Case chosen = it.throttled(choice.percent());
        Outcome outcome = chosen.of(choice.postcopy() ? Method.POSTCOPY : Method.PRECOPY);
        return new Judgement(outlook(outcome, chosen, Optional.of(choice.sentence())), Optional.of(choice));
    }

    private Case theCase(Now now, DirtyCurve curve, Link link) {
        return new Case(
                now,
                new GuestProfile(totalBytes, now.zeroShare(), curve, vcpus),
                link,
                new Conditions(StoppingRule.GODWIT, now.parameters()),
                new Position(
                        now.dirtyPages(),
                        Math.min(now.hotPages(), now.dirtyPages()),
                        now.zeroShare(),
                        now.percent(),
                        true));
    }

    /** What does not end with all that {@code max-bandwidth} allows does not end on any wire. */
    private Optional<Outlook> evenAtTheLimit(Now now, DirtyCurve curve) {
        long limit = now.parameters().maxBandwidthBytesPerSecond();
        if (limit == 0 || now.postcopyComes() || steering == Steering.AUTOPILOT) {
            return Optional.empty();
        }
        Case it = theCase(now, curve, Link.of(limit));
        return Optional.of(outlook(it.of(steering.method), it, Optional.empty()))
                .filter(outlook -> outlook.verdict() instanceof Verdict.WillNotFinish);
    }

    private record Case(Now now, GuestProfile profile, Link link, Conditions conditions, Position position) {
        Outcome of(Method method) {
            return Forecast.of(method, profile, link, conditions, position);
        }

        SimulatedRun run(Method method, Scenario scenario) {
            return Forecast.run(method, profile, link, conditions, position, scenario);
        }

        /** With a wire so many times as fast, as far as the limit allows. */
        Case at(double factor) {
            long limit = now.parameters().maxBandwidthBytesPerSecond();
            long speed = Math.max(1, (long) (link.bytesPerSecond() * factor));
            long allowed = limit > 0 ? Math.min(limit, speed) : speed;
            Link other = Link.of(allowed).withWire(Math.max(allowed, link.wireBytesPerSecond()));
            return new Case(now, profile, other, conditions, position);
        }

        Case throttled(int percent) {
            return new Case(now, profile, link, conditions, position.throttled(percent));
        }
    }

    private Outlook outlook(Outcome outcome, Case it, Optional<String> choice) {
        Verdict verdict = confirmed(outcome, it);
        return new Outlook(
                verdict,
                why(verdict, outcome, it),
                outcome.totalNanos(),
                outcome.downtimeNanos(),
                verdict instanceof Verdict.WillFinish ? Optional.empty() : Optional.of(help(it)),
                choice);
    }

    /** A verdict that another speed of the wire would overturn is none: it has been measured for a moment only. */
    private Verdict confirmed(Outcome outcome, Case it) {
        double factor = wire.uncertainty();
        boolean overturned = switch (outcome.verdict()) {
            case Verdict.WillFinish _ ->
                !it.at(1 / factor).run(outcome.method(), Scenario.PESSIMISTIC).finished();
            case Verdict.WillNotFinish _ ->
                it.at(factor).run(outcome.method(), Scenario.OPTIMISTIC).finished();
            case Verdict.Uncertain _ -> false;
        };
        return overturned
                ? new Verdict.Uncertain(String.format(
                        Locale.ROOT,
                        "It depends on what the wire carries, which has been about %.0f MB/s so far.",
                        it.link.bytesPerSecond() / 1e6))
                : outcome.verdict();
    }

    private static String why(Verdict verdict, Outcome outcome, Case it) {
        return switch (verdict) {
            case Verdict.WillFinish _ ->
                String.format(
                        Locale.ROOT,
                        "It ends within %.1f s at %.0f MB/s, even with the guest at its busiest.",
                        outcome.totalNanos().high() / 1e9,
                        it.link.bytesPerSecond() / 1e6);
            case Verdict.WillNotFinish(String reason) -> reason;
            case Verdict.Uncertain(String reason) -> reason;
        };
    }

    /** Which settings would let it finish. */
    private String help(Case it) {
        List<String> words = new ArrayList<>();
        SimulatedRun busy =
                Forecast.run(steering.method, it.profile, it.link, it.conditions, it.position, Scenario.PESSIMISTIC);
        long limit = (long)
                Math.ceil(busy.restPages() * PassSimulator.NORMAL_RECORD_BYTES * 1.1e3 / it.link.bytesPerSecond());
        long now = it.conditions.parameters().downtimeLimitMillis();
        if (limit > now && limit <= BEARABLE_MILLIS) {
            words.add("downtime-limit=" + limit);
        }
        if (steering == Steering.NONE && it.of(Method.AUTO_CONVERGE).verdict() instanceof Verdict.WillFinish) {
            words.add("the capability auto-converge or autopilot");
        }
        if (steering == Steering.AUTOPILOT) {
            lowestBound(it.conditions.parameters()).ifPresent(bound -> words.add("a higher " + bound.publicName()));
        }
        if (!it.now.postcopyAllowed()) {
            words.add("the capability postcopy-ram");
        } else if (steering != Steering.AUTOPILOT) {
            words.add("migrate-start-postcopy");
        }
        words.add("more bandwidth");
        return String.join(", or ", words);
    }

    /** What keeps more from being taken from the guest, if anything does. */
    private static Optional<MigrationParameter> lowestBound(MigrationParameters parameters) {
        return Stream.of(MigrationParameter.MAX_GUEST_SLOWDOWN, MigrationParameter.MAX_CPU_THROTTLE)
                .filter(bound -> parameters.get(bound) < MOST_PERCENT)
                .min(Comparator.comparingLong(parameters::get));
    }
}
