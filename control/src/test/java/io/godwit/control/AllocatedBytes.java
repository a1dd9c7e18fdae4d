// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import java.lang.reflect.Method;

/**
 * What this JVM's threads have allocated. By reflection, because the module under test has no reason to read the JDK's
 * management.
 */
final class AllocatedBytes {
    private AllocatedBytes() {}

    /** One round of what is measured. */
    @FunctionalInterface
    interface Round {
        void run() throws Exception;
    }

    /**
     * The least that all threads together allocated in one of some rounds: what else runs in this JVM adds to some of
     * them only.
     */
    static long leastOf(int rounds, Round round) throws Exception {
        Object threads = Class.forName("java.lang.management.ManagementFactory")
                .getMethod("getThreadMXBean")
                .invoke(null);
        Method total = Class.forName("com.sun.management.ThreadMXBean").getMethod("getTotalThreadAllocatedBytes");
        long least = Long.MAX_VALUE;
        for (int i = 0; i < rounds; i++) {
            long before = (long) total.invoke(threads);
            round.run();
            least = Math.min(least, (long) total.invoke(threads) - before);
        }
        return least;
    }
}
