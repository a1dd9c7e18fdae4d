// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

/**
 * What leaves a guest towards the world: packets, disk writes, heartbeats. Passed on at once, or held back until an
 * epoch of the guest can be restored elsewhere, so that nobody outside sees what might have to be undone.
 *
 * <p>Outputs that are held wait in order and are never lost while this host lives. With it they die, as packets on a
 * broken wire: the guest that goes on elsewhere has made them, and does not make them again. An implementation bounds
 * the memory that they take: a guest that has filled it waits in its next output until something is released.
 *
 * <p>Threads: one thread at a time calls these. All but {@link #release} and {@link #heldCount} are called with the
 * vCPUs paused.
 */
public interface Outputs {
    /** From now on everything is held; the first epoch begins. */
    void hold();

    /**
     * Ends an epoch: what was held since the last one ended belongs to it.
     *
     * @return its number: 1 for the first after {@link #hold}, each one higher than the last
     */
    long closeEpoch();

    /** Lets go what belongs to the epochs up to and with this one, in order. The guest may run. */
    void release(long upTo);

    /** Lets go everything that is held, and holds nothing from now on. */
    void passThrough();

    /** Forgets everything that is held, which another copy of the guest has said or says, and holds nothing more. */
    void drop();

    /** How many outputs wait now. Any thread. */
    long heldCount();
}
