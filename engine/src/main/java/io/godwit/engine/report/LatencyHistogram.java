// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Counts durations in buckets that are narrow for short ones and wide for long ones: sixteen for each doubling, so that
 * a percentile is exact to about 6 %. Recording allocates nothing, takes no lock and is safe from any thread.
 */
public final class LatencyHistogram {
    private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);
    private static final int SUB_BITS = 4;
    private static final int SUB_BUCKETS = 1 << SUB_BITS;
    // Values below 16 have a bucket each; every further doubling up to Long.MAX_VALUE has sixteen.
    private static final int BUCKETS = SUB_BUCKETS + (63 - SUB_BITS) * SUB_BUCKETS;

    private static final int SUM = BUCKETS;
    private static final int MAX = BUCKETS + 1;

    private final long[] counts = new long[BUCKETS + 2];
    // A bit for each bucket that is not empty, so that a snapshot need not look at all of them: few are ever used.
    private final long[] used = new long[BUCKETS / Long.SIZE];

    /** An empty histogram. */
    public LatencyHistogram() {}

    /** Counts one duration; a negative one, which a clock read on two cores may give, counts as 0. */
    public void record(long nanos) {
        long value = Math.max(0, nanos);
        int bucket = bucket(value);
        long _ = (long) COUNT.getAndAddRelease(counts, bucket, 1L);
        long _ = (long) COUNT.getAndAddRelease(counts, SUM, value);
        long max = (long) COUNT.getAcquire(counts, MAX);
        while (value > max && !COUNT.weakCompareAndSetRelease(counts, MAX, max, value)) {
            max = (long) COUNT.getAcquire(counts, MAX);
        }
        // ORDERING: after the count, so that who sees the bit sees a bucket that is not empty.
        if (((long) COUNT.getAcquire(used, bucket / Long.SIZE) >>> bucket & 1) == 0) {
            long _ = (long) COUNT.getAndBitwiseOrRelease(used, bucket / Long.SIZE, 1L << bucket);
        }
    }

    /** What was counted so far: a copy of the buckets that are not empty. */
    public Snapshot snapshot() {
        long[] seen = new long[used.length];
        int size = 0;
        for (int word = 0; word < seen.length; word++) {
            seen[word] = (long) COUNT.getAcquire(used, word);
            size += Long.bitCount(seen[word]);
        }
        if (size == 0) {
            return Snapshot.EMPTY;
        }
        int[] buckets = new int[size];
        long[] copy = new long[size];
        int next = 0;
        for (int word = 0; word < seen.length; word++) {
            for (long left = seen[word]; left != 0; left &= left - 1) {
                int bucket = word * Long.SIZE + Long.numberOfTrailingZeros(left);
                buckets[next] = bucket;
                copy[next] = (long) COUNT.getAcquire(counts, bucket);
                next++;
            }
        }
        return new Snapshot(buckets, copy, (long) COUNT.getAcquire(counts, SUM), (long) COUNT.getAcquire(counts, MAX));
    }

    private static int bucket(long value) {
        if (value < SUB_BUCKETS) {
            return (int) value;
        }
        int exponent = 63 - Long.numberOfLeadingZeros(value);
        int sub = (int) (value >>> (exponent - SUB_BITS)) & (SUB_BUCKETS - 1);
        return SUB_BUCKETS + (exponent - SUB_BITS) * SUB_BUCKETS + sub;
    }

    /** The first value that no longer belongs to the bucket. */
    private static long upperBound(int bucket) {
        if (bucket < SUB_BUCKETS) {
            return bucket + 1L;
        }
        int doubling = (bucket - SUB_BUCKETS) / SUB_BUCKETS;
        int sub = (bucket - SUB_BUCKETS) % SUB_BUCKETS;
        return (long) (SUB_BUCKETS + sub + 1) << doubling;
    }

    /** Takes the steps of a histogram. */
    @FunctionalInterface
    public interface Buckets {
        /**
         * Takes one step.
         *
         * @param upToNanos the longest duration that belongs to it
         * @param count how many fell into it
         */
        void take(long upToNanos, long count);
    }

    /** A histogram at one moment, as large as it has buckets that are not empty. Immutable. */
    public static final class Snapshot {
        /** Nothing counted. */
        public static final Snapshot EMPTY = new Snapshot(new int[0], new long[0], 0, 0);

        // Those that are not empty, shortest first, and what fell into them.
        private final int[] buckets;
        private final long[] counts;
        private final long count;
        private final long sumNanos;
        private final long maxNanos;

        private Snapshot(int[] buckets, long[] counts, long sumNanos, long maxNanos) {
            this.buckets = buckets;
            this.counts = counts;
            long all = 0;
            for (long one : counts) {
                all += one;
            }
            this.count = all;
            this.sumNanos = sumNanos;
            this.maxNanos = maxNanos;
        }

        /** How many were counted. */
        public long count() {
            return count;
        }

        /** The longest, exactly; 0 if there was none. */
        public long maxNanos() {
            return maxNanos;
        }

        /** All together. */
        public long sumNanos() {
            return sumNanos;
        }

        /** The mean; 0 if there was none. */
        public long meanNanos() {
            return count == 0 ? 0 : sumNanos / count;
        }

        /**
         * The duration that {@code percent} of all did not exceed, to the upper end of its bucket; 0 if there was none.
         *
         * @param percent above 0, to 100
         */
        public long percentileNanos(double percent) {
            if (!(percent > 0 && percent <= 100)) {
                throw new IllegalArgumentException("percentile " + percent + ": must be above 0 and at most 100");
            }
            long rank = (long) Math.ceil(count * percent / 100);
            long seen = 0;
            for (int i = 0; i < counts.length; i++) {
                seen += counts[i];
                if (seen >= rank) {
                    return Math.min(maxNanos, upperBound(buckets[i]) - 1);
                }
            }
            return maxNanos;
        }

        /** Gives the buckets that are not empty, shortest first. */
        public void forEachBucket(Buckets to) {
            for (int i = 0; i < buckets.length; i++) {
                to.take(upperBound(buckets[i]) - 1, counts[i]);
            }
        }

        /**
         * How many fell into each doubling: [1 µs, 2 µs), [2 µs, 4 µs) and so on, as {@code query-migrate} gives them;
         * shorter ones count with the first.
         *
         * @param buckets how many doublings; longer ones count with the last
         */
        public long[] doublingsOfMicros(int buckets) {
            long[] doublings = new long[buckets];
            for (int i = 0; i < counts.length; i++) {
                long micros = Math.max(1, (upperBound(this.buckets[i]) - 1) / 1000);
                int doubling = 63 - Long.numberOfLeadingZeros(micros);
                doublings[Math.min(buckets - 1, doubling)] += counts[i];
            }
            return doublings;
        }
    }
}
