// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * What a guest wrote, harvest by harvest, recorded so that it can be replayed in virtual time. As text it is a header
 * and a line for each harvest: how many ms it took, how many different pages were written, and which, as runs of {@code
 * first+count}:
 *
 * <pre>
 * godwit-dirty-trace 1 pages=262144 zero-pages=1024
 * 20 130 0+128 4096+2
 * 20 0
 * </pre>
 *
 * @param totalPages of the guest
 * @param zeroPages those with zeros only
 * @param harvests at least one
 */
public record DirtyTrace(long totalPages, long zeroPages, List<Harvest> harvests) {
    private static final String NAME = "godwit-dirty-trace 1";

    /** LIMIT: a guest of 8 TiB; larger numbers are mistakes. */
    private static final long MAX_PAGES = Integer.MAX_VALUE;

    /**
     * What was written since the harvest before.
     *
     * @param millis since then
     * @param pages which; not to be changed
     */
    public record Harvest(long millis, BitSet pages) {
        /** Checks the interval. */
        public Harvest {
            if (millis <= 0) {
                throw new IllegalArgumentException("a harvest after " + millis + " ms is none");
            }
        }
    }

    /** Checks ranges. */
    public DirtyTrace {
        if (totalPages <= 0 || totalPages > MAX_PAGES || zeroPages < 0 || zeroPages > totalPages) {
            throw new IllegalArgumentException("a trace is of 1 to " + MAX_PAGES + " pages, not of " + totalPages
                    + " with " + zeroPages + " zero pages");
        }
        if (harvests.isEmpty()) {
            throw new IllegalArgumentException("a trace has at least one harvest");
        }
        harvests = List.copyOf(harvests);
        for (Harvest harvest : harvests) {
            if (harvest.pages().length() > totalPages) {
                throw new IllegalArgumentException("page " + (harvest.pages().length() - 1)
                        + " was written in a guest of " + totalPages + " pages");
            }
        }
    }

    /**
     * Reads a trace.
     *
     * @throws IllegalArgumentException with the number of the line that is none
     */
    public static DirtyTrace parse(String text) {
        List<String> lines = text.lines().toList();
        String[] header = lines.isEmpty() ? new String[0] : lines.getFirst().split(" ", -1);
        if (header.length != 4 || !lines.getFirst().startsWith(NAME + " ")) {
            throw new IllegalArgumentException("line 1: a trace begins with '" + NAME + " pages=N zero-pages=N'");
        }
        long total = named(header[2], "pages=");
        long zero = named(header[3], "zero-pages=");
        List<Harvest> harvests = new ArrayList<>();
        for (int i = 1; i < lines.size(); i++) {
            if (!lines.get(i).isBlank()) {
                harvests.add(harvest(i + 1, lines.get(i), total));
            }
        }
        return new DirtyTrace(total, zero, harvests);
    }

    /** The trace as {@link #parse} reads it. */
    public String text() {
        StringBuilder text = new StringBuilder(NAME)
                .append(" pages=")
                .append(totalPages)
                .append(" zero-pages=")
                .append(zeroPages)
                .append('\n');
        for (Harvest harvest : harvests) {
            BitSet pages = harvest.pages();
            text.append(harvest.millis()).append(' ').append(pages.cardinality());
            for (int first = pages.nextSetBit(0); first >= 0; ) {
                int end = pages.nextClearBit(first);
                text.append(' ').append(first).append('+').append(end - first);
                first = pages.nextSetBit(end);
            }
            text.append('\n');
        }
        return text.toString();
    }

    /** How long was recorded. */
    public long durationMillis() {
        return harvests.stream().mapToLong(Harvest::millis).sum();
    }

    /**
     * The curve that somebody who watches the guest would measure.
     *
     * @param intervalsMillis the intervals; of each as many windows are looked at as fit into the trace
     */
    public DirtyCurve curve(List<Long> intervalsMillis) {
        Replay replay = replay();
        List<DirtyCurve.Point> points = new ArrayList<>();
        for (long millis : intervalsMillis) {
            for (long from = 0; from + millis <= durationMillis(); from += millis) {
                double pages = replay.uniquePages(from * 1e6, (from + millis) * 1e6);
                points.add(new DirtyCurve.Point(millis * 1_000_000, Estimate.exactly(pages)));
            }
        }
        return DirtyCurve.of(points, totalPages);
    }

    /** The guest again, as it was; after the trace's end it begins anew. */
    public Replay replay() {
        return new Replay(this);
    }

    /** A trace in virtual time. Used by one thread. */
    public static final class Replay implements GuestWrites {
        private final List<Harvest> harvests;
        private final double[] starts;

        private Replay(DirtyTrace trace) {
            harvests = trace.harvests();
            starts = new double[harvests.size() + 1];
            for (int i = 0; i < harvests.size(); i++) {
                starts[i + 1] = starts[i] + harvests.get(i).millis() * 1e6;
            }
        }

        @Override
        public double uniquePages(double fromNanos, double toNanos) {
            if (toNanos <= fromNanos) {
                return 0;
            }
            double length = starts[harvests.size()];
            double from = fromNanos % length;
            double to = Math.min(from + toNanos - fromNanos, from + length);
            BitSet whole = new BitSet();
            double parts = 0;
            for (int i = indexOf(from); ; i++) {
                int index = i % harvests.size();
                double shift = i >= harvests.size() ? length : 0;
                double begin = starts[index] + shift;
                if (begin >= to) {
                    break;
                }
                double covered = (Math.min(to, starts[index + 1] + shift) - Math.max(from, begin))
                        / (starts[index + 1] - starts[index]);
                BitSet pages = harvests.get(index).pages();
                if (covered > 0.999999) {
                    whole.or(pages);
                } else {
                    // Of a harvest that is seen in part, what is not counted anyway counts in part.
                    BitSet more = (BitSet) pages.clone();
                    more.andNot(whole);
                    parts += more.cardinality() * covered;
                }
            }
            return whole.cardinality() + parts;
        }

        private int indexOf(double nanos) {
            int index = 0;
            while (index < harvests.size() - 1 && starts[index + 1] <= nanos) {
                index++;
            }
            return index;
        }
    }

    private static Harvest harvest(int line, String text, long totalPages) {
        String[] words = text.strip().split(" +", -1);
        BitSet pages = new BitSet();
        try {
            for (int i = 2; i < words.length; i++) {
                int plus = words[i].indexOf('+');
                long first = Long.parseLong(words[i].substring(0, Math.max(0, plus)));
                long count = Long.parseLong(words[i].substring(plus + 1));
                if (first < 0 || count <= 0 || first > totalPages - count) {
                    throw new IllegalArgumentException(
                            "line " + line + ": the run " + words[i] + " is not within " + totalPages + " pages");
                }
                pages.set((int) first, (int) (first + count));
            }
            if (words.length < 2 || Long.parseLong(words[1]) != pages.cardinality()) {
                throw new IllegalArgumentException(
                        "line " + line + ": its runs have " + pages.cardinality() + " pages, which it does not say");
            }
            return new Harvest(Long.parseLong(words[0]), pages);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("line " + line + ": '" + text.strip() + "' is no harvest", e);
        }
    }

    private static long named(String word, String name) {
        try {
            if (word.startsWith(name)) {
                long number = Long.parseLong(word.substring(name.length()));
                if (number >= 0 && number <= MAX_PAGES) {
                    return number;
                }
            }
        } catch (NumberFormatException e) {
            // Said below, as for a number out of range.
        }
        throw new IllegalArgumentException("line 1: '" + word + "' is not " + name + "N with N up to " + MAX_PAGES);
    }
}
