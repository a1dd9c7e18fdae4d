// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.policy;

import io.godwit.engine.settings.MigrationParameter;
import io.godwit.engine.settings.MigrationParameters;

/**
 * Decides, from what the guest dirtied and the wire carried, how much of their time its vCPUs lose. One thread at a
 * time.
 */
public sealed interface ThrottlePolicy permits AutoConverge, DirtyLimit {
    /**
     * What happened from one sync to another.
     *
     * @param nanos how long it lasted
     * @param dirtiedBytes that have to be sent again because of it
     * @param sentBytes what the wire carried
     * @param endsPass whether a pass has ended with it. In the beginning of a pass most of what the guest writes is
     *     still to be sent anyway, so that it seems to write little
     */
    record Period(long nanos, long dirtiedBytes, long sentBytes, boolean endsPass) {}

    /**
     * Judges a period.
     *
     * @param vcpuPages what each vCPU wrote; all the same if the tracker cannot tell them apart
     * @param percents what each vCPU loses now
     * @return what each is to lose from now on, before {@code max-guest-slowdown} bounds it
     */
    int[] judge(Period period, long[] vcpuPages, int[] percents, MigrationParameters parameters);

    /**
     * Whether nothing more can be taken from the guest, and nothing will be given back within a pass.
     *
     * @param percent what the vCPU loses that loses most
     */
    boolean isAtMost(int percent, MigrationParameters parameters);

    /**
     * Whether the latest period gave a reason to change something, so that the next is better judged sooner than {@link
     * #interval} says.
     */
    boolean isInHurry();

    /** Which parameter says how long a pass may last, in ms, until it is judged within; 0 = for ever. */
    MigrationParameter interval();
}
