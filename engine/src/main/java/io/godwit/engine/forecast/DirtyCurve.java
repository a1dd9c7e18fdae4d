// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * How many different pages a guest writes within an interval, as a function of its length. For a guest that goes on as
 * it does the curve rises and bends down: pages written twice count once. What follows from that between and beyond the
 * measured points is all that is assumed here.
 *
 * <p>Between two points the truth lies between their chord and the continued slopes of the neighbours. Beyond the last
 * it lies between a working set that has been seen whole and one that goes on growing as it did last.
 */
public final class DirtyCurve {
    /** A last slope this close to the one before says nothing about a bend: the curve is taken as straight. */
    private static final double STRAIGHT = 0.95;

    /**
     * A measured point.
     *
     * @param intervalNanos how long was watched
     * @param pages how many different pages were written
     */
    public record Point(long intervalNanos, Estimate pages) {
        /** Checks the interval. */
        public Point {
            if (intervalNanos <= 0) {
                throw new IllegalArgumentException("nothing is measured within " + intervalNanos + " ns");
            }
        }
    }

    private final List<Point> points;
    private final long totalPages;
    private final double ceiling;
    private final double share;
    private final double[] times;
    private final double[] low;
    private final double[] best;
    private final double[] high;

    private DirtyCurve(List<Point> points, long totalPages, double share) {
        this.points = points;
        this.totalPages = totalPages;
        this.ceiling = totalPages;
        this.share = share;
        int knots = points.size() + 1;
        times = new double[knots];
        low = new double[knots];
        best = new double[knots];
        high = new double[knots];
        for (int i = 1; i < knots; i++) {
            Point point = points.get(i - 1);
            times[i] = point.intervalNanos();
            low[i] = Math.max(low[i - 1], Math.min(ceiling, point.pages().low()));
            best[i] = Math.min(ceiling, point.pages().best());
            high[i] = Math.min(ceiling, point.pages().high());
        }
        bend(times, best);
        bend(times, high);
        for (int i = 1; i < knots; i++) {
            high[i] = Math.max(high[i], best[i]);
        }
    }

    /**
     * A curve through measured points.
     *
     * @param measured at least one; several of one interval are taken together
     * @param totalPages of the guest: no interval has more
     */
    public static DirtyCurve of(List<Point> measured, long totalPages) {
        if (measured.isEmpty()) {
            throw new IllegalArgumentException("a curve needs at least one measured interval, and there is none");
        }
        List<Point> sorted = new ArrayList<>(measured);
        sorted.sort(Comparator.comparingLong(Point::intervalNanos));
        List<Point> merged = new ArrayList<>();
        for (int from = 0; from < sorted.size(); ) {
            int to = from;
            double sum = 0;
            double least = Double.MAX_VALUE;
            double most = 0;
            long interval = sorted.get(from).intervalNanos();
            for (; to < sorted.size() && sorted.get(to).intervalNanos() == interval; to++) {
                Estimate pages = sorted.get(to).pages();
                sum += pages.best();
                least = Math.min(least, pages.low());
                most = Math.max(most, pages.high());
            }
            merged.add(new Point(interval, Estimate.around(least, sum / (to - from), most)));
            from = to;
        }
        return new DirtyCurve(List.copyOf(merged), totalPages, 1);
    }

    /** The measured points, of the guest as it was not throttled. */
    public List<Point> points() {
        return points;
    }

    /** How many pages the guest has. */
    public long totalPages() {
        return totalPages;
    }

    /** The longest interval that was measured. */
    public long longestNanos() {
        return points.getLast().intervalNanos();
    }

    /**
     * The curve of the same guest when a share of its time is taken from it: its own time goes slower.
     *
     * @param taken from 0, nothing, to 1, everything
     */
    public DirtyCurve scaled(double taken) {
        if (!(taken >= 0 && taken <= 1)) {
            throw new IllegalArgumentException("a share is from 0 to 1, not " + taken);
        }
        return new DirtyCurve(points, totalPages, share * (1 - taken));
    }

    /** How many different pages are written within so long. */
    public Estimate uniquePages(double nanos) {
        double time = nanos * share;
        if (time <= 0) {
            return Estimate.exactly(0);
        }
        int last = times.length - 1;
        return time >= times[last] ? beyond(time - times[last]) : between(time);
    }

    /** The working set as far as it was seen, and as large as it may be. */
    public Estimate workingSet() {
        int last = times.length - 1;
        return Estimate.around(low[last], beyond(1e15).best(), slope(high, last) > 0 ? ceiling : high[last]);
    }

    /** One end of the curve, as the writes of a guest that always behaves like that. */
    public GuestWrites at(Scenario scenario) {
        return (from, to) -> scenario.of(uniquePages(to - from));
    }

    private Estimate between(double time) {
        int right = 1;
        while (times[right] < time) {
            right++;
        }
        double least = chord(low, right, time);
        double straight = chord(best, right, time);
        double bulging = (straight + bulge(best, right, time)) / 2;
        double likely = right == 1 ? straight : bulging;
        return Estimate.around(Math.min(least, likely), likely, bulge(high, right, time));
    }

    private double chord(double[] values, int right, double time) {
        return values[right - 1] + slope(values, right) * (time - times[right - 1]);
    }

    /** The most that a curve that only bends down can reach between two of its points. */
    private double bulge(double[] values, int right, double time) {
        double after = right + 1 < times.length ? slope(values, right + 1) : 0;
        double most = values[right] - after * (times[right] - time);
        if (right > 1) {
            most = Math.min(most, values[right - 1] + slope(values, right - 1) * (time - times[right - 1]));
        }
        return Math.max(most, chord(values, right, time));
    }

    private Estimate beyond(double past) {
        int last = times.length - 1;
        double most = Math.min(ceiling, high[last] + slope(high, last) * past);
        double likely = Math.min(ceiling, best[last] + growth(past));
        return Estimate.around(low[last], Math.min(likely, most), most);
    }

    /** A slope that has fallen goes on falling by the same share in the same time. */
    private double growth(double past) {
        int last = times.length - 1;
        double slope = slope(best, last);
        int before = last - 1;
        while (before > 0 && slope(best, before) * STRAIGHT <= slope) {
            before--;
        }
        if (slope == 0 || before == 0) {
            return slope * past;
        }
        double middle = (times[last] + times[last - 1]) / 2;
        double middleBefore = (times[before] + times[before - 1]) / 2;
        double constant = (middle - middleBefore) / Math.log(slope(best, before) / slope);
        double slopeAtEnd = slope * Math.exp((middle - times[last]) / constant);
        return slopeAtEnd * constant * -Math.expm1(-past / constant);
    }

    private double slope(double[] values, int right) {
        return (values[right] - values[right - 1]) / (times[right] - times[right - 1]);
    }

    /**
     * Raises values to the lowest line over them that rises and only bends down: what lies below it is an accident of
     * measuring.
     */
    private static void bend(double[] times, double[] values) {
        for (int i = 1; i < values.length; i++) {
            values[i] = Math.max(values[i], values[i - 1]);
        }
        int from = 0;
        while (from < values.length - 1) {
            int steepest = from + 1;
            double slope = (values[steepest] - values[from]) / (times[steepest] - times[from]);
            for (int to = from + 2; to < values.length; to++) {
                double other = (values[to] - values[from]) / (times[to] - times[from]);
                if (other >= slope) {
                    slope = other;
                    steepest = to;
                }
            }
            for (int between = from + 1; between < steepest; between++) {
                values[between] = values[from] + slope * (times[between] - times[from]);
            }
            from = steepest;
        }
    }
}
