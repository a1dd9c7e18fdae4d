// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import io.godwit.engine.policy.Convergence;
import io.godwit.engine.policy.FirstPassLooks;

/**
 * Migrates a guest in virtual time: the first pass sends every page, each next one what was written during the one
 * before, until the {@link StoppingRule} stops the guest or it is plain that it never will. In postcopy the guest goes
 * ahead and waits for what it touches. The guest may be a {@link DirtyCurve} or a trace that is replayed.
 *
 * <p>One object for one simulation after the other; it keeps nothing between them.
 */
public final class PassSimulator {
    static final double PAGE_BYTES = 4096;

    /** A page with content and its head; a zero page is a head and one byte. */
    static final double NORMAL_RECORD_BYTES = PAGE_BYTES + 8;

    private static final double ZERO_RECORD_BYTES = 9;

    /** Looking whether a page holds zeros only. */
    static final double ZERO_TEST_NANOS = 150;

    /** What every pass costs beside its bytes: the harvest, and a thread that must be woken. */
    private static final double PASS_NANOS = 300_000;

    /** How often QEMU looks up from sending. */
    private static final double LOOK_UP_NANOS = 100e6;

    /** What the first write to a page after a harvest costs the guest. */
    private static final Estimate TRACKING_NANOS = new Estimate(500, 2_000, 5_000);

    /** What serving a page costs beside its way over the wire. */
    private static final Estimate FAULT_NANOS = new Estimate(50_000, 120_000, 500_000);

    /**
     * How many faults there are for each page that is written for the first time: pages are read, too, and who reads in
     * order faults rarely.
     */
    private static final Estimate FAULTS_A_WRITE = new Estimate(0.02, 0.7, 3);

    /** Passes that gain nothing for so many and so long, or for very many, do not lead anywhere. */
    private static final int VAIN_PASSES = 60;

    private static final int VERY_MANY_PASSES = 2_000;

    private static final double VAIN_NANOS = 60e9;
    private static final double WORTH_MENTIONING = 0.999;
    private static final double LONGEST_NANOS = 30 * 86_400e9;
    private static final double WORKING_SET_NANOS = 10e9;
    private static final int PUSH_STEPS = 200;
    private static final int MOST_STEPS = 200;
    private static final int MOST_STEPS_IN_ALL = 4_000;

    private final GuestWrites writes;
    private final Position position;
    private final double normalPages;
    private final double zeroPages;
    private final int vcpus;
    private final Link link;
    private final Conditions conditions;
    private final Scenario scenario;
    private final double bytesPerNano;

    /**
     * A simulator of migrations of one guest over one link.
     *
     * @param profile its memory; what it writes is {@code writes}
     */
    public PassSimulator(
            GuestProfile profile, GuestWrites writes, Link link, Conditions conditions, Scenario scenario) {
        this(profile, writes, link, conditions, scenario, Position.begin(profile));
    }

    /** A simulator of what is left of a migration that has begun. */
    PassSimulator(
            GuestProfile profile,
            GuestWrites writes,
            Link link,
            Conditions conditions,
            Scenario scenario,
            Position position) {
        this.writes = writes;
        this.position = position;
        this.zeroPages = position.pages() * scenario.ofRelief(position.zeroShare());
        this.normalPages = position.pages() - zeroPages;
        this.vcpus = profile.vcpus();
        this.link = link;
        this.conditions = conditions;
        this.scenario = scenario;
        this.bytesPerNano = link.bytesPerSecond() * scenario.bandwidthShare() / 1e9;
    }

    /** Carries a migration out. */
    public SimulatedRun run(Method method) {
        return switch (method) {
            case PRECOPY, AUTO_CONVERGE, DIRTY_LIMIT -> {
                Passes passes = new Passes(new Governor(method, conditions, vcpus, position.percent()));
                yield switch (conditions.rule()) {
                    case GODWIT -> passes.untilNothingIsGained();
                    case QEMU -> passes.untilItFits();
                };
            }
            case POSTCOPY -> push(normalPages, zeroPages, new Course());
            case PRECOPY_THEN_POSTCOPY -> afterOnePass();
        };
    }

    /** Figures that grow. */
    private static final class Course {
        private double nanos;
        private double guestNanos;
        private double takenNanos;
        private double bytes;
        private double trackedPages;
        private int passes;
    }

    /** Pages are looked at while others are on the wire. */
    private double sendNanos(double normal, double zero) {
        return normal * Math.max(NORMAL_RECORD_BYTES / bytesPerNano, ZERO_TEST_NANOS)
                + zero * Math.max(ZERO_RECORD_BYTES / bytesPerNano, ZERO_TEST_NANOS);
    }

    /** What the pass that is on, or the first, leaves for the next. */
    private double hotPages() {
        return switch (conditions.rule()) {
            case GODWIT -> position.announced() ? position.hotPages() : foundHot();
            case QEMU -> 0;
        };
    }

    /** What the first pass leaves for the second because its looks find it written, wherever it lies. */
    private double foundHot() {
        double total = normalPages + zeroPages;
        if (total == 0 || scenario == Scenario.PESSIMISTIC) {
            return 0;
        }
        double wholeNanos = sendNanos(normalPages, zeroPages);
        double ahead = 1;
        double nanos = 0;
        double left = 0;
        double hotShare = 0;
        long look = FirstPassLooks.FIRST_NANOS;
        while (true) {
            double needed = ahead * wholeNanos * (1 - hotShare);
            double walked = needed <= look - nanos ? ahead : ahead * (look - nanos) / needed;
            left += walked * hotShare;
            ahead -= walked;
            if (ahead <= 0) {
                return Math.min(normalPages, left * total);
            }
            nanos = look;
            hotShare = Math.min(1, writes.uniquePages(0, nanos) / total);
            look = FirstPassLooks.nextNanos(look, 0);
        }
    }

    private SimulatedRun afterOnePass() {
        Course course = new Course();
        double hot = hotPages();
        double normal = Math.max(0, normalPages - hot);
        double bytes = normal * NORMAL_RECORD_BYTES + zeroPages * ZERO_RECORD_BYTES;
        course.nanos = sendNanos(normal, zeroPages);
        course.guestNanos = course.nanos;
        course.bytes = bytes;
        course.passes = 1;
        double left = Math.max(hot, writes.uniquePages(0, course.guestNanos));
        course.trackedPages = left;
        return push(left, 0, course);
    }

    /** Postcopy: what the guest touches comes first and makes it wait, the rest as fast as it can. */
    private SimulatedRun push(double normal, double zero, Course course) {
        double bytes = normal * NORMAL_RECORD_BYTES + zero * ZERO_RECORD_BYTES;
        double begin = course.guestNanos;
        double pushNanos = sendNanos(normal, zero) + link.roundTripNanos();
        double faultNanos = link.roundTripNanos() + scenario.of(FAULT_NANOS) + NORMAL_RECORD_BYTES / bytesPerNano;
        double share = normal / Math.max(1, normal + zero);
        double step = pushNanos / PUSH_STEPS;
        double touched = 0;
        double faults = 0;
        double guest = 0;
        for (int i = 0; i < PUSH_STEPS; i++) {
            double missing = 1 - (i + 0.5) / PUSH_STEPS;
            double perNano = Math.max(0, writes.uniquePages(begin, begin + guest + step) - touched) / step;
            double wait = perNano * missing * scenario.of(FAULTS_A_WRITE) * faultNanos / vcpus;
            double ran = step / (1 + wait);
            guest += ran;
            touched = Math.max(touched, writes.uniquePages(begin, begin + guest));
            faults += ran * perNano * missing * scenario.of(FAULTS_A_WRITE);
        }
        double most = normal + zero * (1 - share);
        double pause = scenario.of(conditions.rule().switchNanos()) + link.roundTripNanos();
        course.nanos += pause + pushNanos;
        course.takenNanos += pushNanos - guest;
        course.bytes += bytes;
        return finished(course, pause, Math.min(faults, most), pushNanos, normal);
    }

    private SimulatedRun finished(Course course, double pause, double faults, double lastPass, double rest) {
        return new SimulatedRun(
                true,
                course.nanos
                        + (position.announced()
                                ? 0
                                : scenario.of(conditions.rule().setupNanos())),
                course.bytes,
                course.passes,
                pause,
                slowdown(course),
                faults,
                lastPass,
                rest);
    }

    /** What tracking and throttling take together. */
    private double slowdown(Course course) {
        double nanos = Math.max(1, course.nanos);
        double tracking = Math.min(0.9, course.trackedPages * scenario.of(TRACKING_NANOS) / nanos / vcpus);
        return 1 - (1 - tracking) * (1 - Math.min(1, course.takenNanos / nanos));
    }

    /** Precopy, by either rule. */
    private final class Passes {
        private final Governor governor;
        private final Course course = new Course();
        private double leastRest = Double.MAX_VALUE;
        private int vainPasses;
        private double leastAtNanos;
        private double mostTaken;
        private int stepsLeft = MOST_STEPS_IN_ALL;

        private Passes(Governor governor) {
            this.governor = governor;
        }

        private SimulatedRun untilNothingIsGained() {
            Convergence convergence = new Convergence();
            double left = hotPages();
            double pages = Math.max(0, normalPages - left);
            double zero = zeroPages;
            // What was hot before this begins is not among what is written from now on.
            double owed = position.announced() ? left : 0;
            while (true) {
                double bytes = pages * NORMAL_RECORD_BYTES + zero * ZERO_RECORD_BYTES;
                double passNanos = sendNanos(pages, zero) + link.roundTripNanos() + PASS_NANOS;
                double begin = course.guestNanos;
                walk(passNanos, bytes);
                pages = merged(owed, writes.uniquePages(begin, course.guestNanos));
                owed = 0;
                zero = 0;
                course.trackedPages += pages;
                // A pass with nothing in it says nothing of the wire.
                long rest = (long) Math.ceil(pages) * (long) PAGE_BYTES;
                if (convergence.isReached(rest, (long) (bytesPerNano * 1e9), limitMillis())) {
                    return stopped(pages, passNanos);
                }
                if (isVain(pages)) {
                    return givenUp(passNanos, pages);
                }
            }
        }

        private long limitMillis() {
            return conditions.parameters().downtimeLimitMillis();
        }

        /** Sends, and lets the governor look at it as often as it wants to. */
        private void walk(double passNanos, double bytes) {
            course.passes++;
            double left = passNanos;
            // A pass over a wire that hardly moves is not walked second by second, nor are very many passes.
            double interval = stepsLeft <= 0 ? passNanos : Math.max(governor.intervalNanos(), passNanos / MOST_STEPS);
            while (left > 0) {
                double step = Math.min(left, interval);
                double before = course.guestNanos;
                go(step);
                double pages = writes.uniquePages(before, course.guestNanos);
                left -= step;
                stepsLeft--;
                governor.judge(step, pages, bytes * step / passNanos, left <= 0);
            }
            course.bytes += bytes;
        }

        private void go(double nanos) {
            course.nanos += nanos;
            course.guestNanos += nanos * (1 - governor.taken());
            course.takenNanos += nanos * governor.taken();
        }

        private SimulatedRun untilItFits() {
            double fitting = bytesPerNano * conditions.downtimeLimitNanos() / PAGE_BYTES;
            double rest = normalPages;
            double zero = zeroPages;
            double syncedAt = 0;
            double syncedAtNanos = 0;
            double sentSince = 0;
            boolean bulk = true;
            while (true) {
                double zeroBytes = zero * ZERO_RECORD_BYTES;
                double bytes = Math.min(rest * NORMAL_RECORD_BYTES, bytesPerNano * LOOK_UP_NANOS);
                double nanos = sendNanos(bytes / NORMAL_RECORD_BYTES, zero);
                go(rest == 0 ? Math.max(nanos, LOOK_UP_NANOS) : nanos);
                zero = 0;
                rest = Math.max(0, rest - bytes / NORMAL_RECORD_BYTES);
                course.bytes += bytes + zeroBytes;
                sentSince += bytes + zeroBytes;
                if (rest > fitting) {
                    continue;
                }
                course.passes++;
                double dirtied = dirtied(syncedAt, bulk);
                course.trackedPages += dirtied;
                rest = merged(rest, dirtied);
                governor.judge(course.nanos - syncedAtNanos, dirtied, sentSince, true);
                double sinceSync = course.nanos - syncedAtNanos;
                syncedAt = course.guestNanos;
                syncedAtNanos = course.nanos;
                sentSince = 0;
                bulk = false;
                if (rest <= fitting) {
                    return stopped(rest, sinceSync);
                }
                if (isVain(rest)) {
                    return givenUp(sinceSync, rest);
                }
            }
        }

        /** In the first pass QEMU begins to watch a page when it is about to send it: what comes later counts. */
        private double dirtied(double since, boolean bulk) {
            double now = course.guestNanos;
            double all = writes.uniquePages(since, now);
            if (!bulk || scenario == Scenario.PESSIMISTIC) {
                return all;
            }
            double sum = 0;
            int parts = 16;
            for (int i = 0; i < parts; i++) {
                sum += writes.uniquePages(since + (now - since) * (i + 0.5) / parts, now);
            }
            return sum / parts;
        }

        /** What is dirty and what becomes so overlap as far as both are parts of one working set. */
        private double merged(double rest, double dirtied) {
            double set = writes.uniquePages(course.guestNanos, course.guestNanos + WORKING_SET_NANOS);
            if (scenario == Scenario.PESSIMISTIC) {
                return Math.min(rest + dirtied, Math.max(rest, set));
            }
            return rest + dirtied * (1 - Math.min(1, rest / Math.max(1, set)));
        }

        private SimulatedRun stopped(double rest, double passNanos) {
            // The rest leaves as fast as the wire carries it, whatever the migration was allowed.
            double wire = link.wireBytesPerSecond() * scenario.bandwidthShare() / 1e9;
            double pause = scenario.of(conditions.rule().handoverNanos())
                    + link.roundTripNanos()
                    + rest * NORMAL_RECORD_BYTES / wire;
            course.nanos += pause;
            course.bytes += rest * NORMAL_RECORD_BYTES;
            return finished(course, pause, 0, passNanos, rest);
        }

        private boolean isVain(double rest) {
            if (rest < leastRest * WORTH_MENTIONING || governor.taken() > mostTaken) {
                leastRest = Math.min(rest, leastRest);
                mostTaken = Math.max(mostTaken, governor.taken());
                leastAtNanos = course.nanos;
                vainPasses = 0;
            }
            vainPasses++;
            // Nothing changes by waiting where nobody throttles and a curve, which knows no time, takes the guest's
            // place.
            boolean steady = position.announced() && governor.isSteady();
            boolean vain = vainPasses > VERY_MANY_PASSES
                    || (vainPasses > VAIN_PASSES && (steady || course.nanos - leastAtNanos > VAIN_NANOS));
            return vain || course.nanos > LONGEST_NANOS;
        }

        private SimulatedRun givenUp(double passNanos, double rest) {
            return new SimulatedRun(
                    false,
                    course.nanos,
                    course.bytes,
                    course.passes,
                    Double.POSITIVE_INFINITY,
                    slowdown(course),
                    0,
                    passNanos,
                    rest);
        }
    }
}
