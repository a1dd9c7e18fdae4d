// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

/**
 * What a guest is asked by the world, and what it answers: requests and answers in one order, so that a second copy of
 * the guest can be asked the same and its answers compared.
 *
 * <p>Requests have numbers that count from the guest's birth, 1 for the first. They are the guest's device state and
 * travel with it. The guest takes the requests in this order, and gives one answer to each, in this order too: the
 * answer to request n has the number n.
 *
 * <p>A guest is in one of three roles. <i>Alone</i>, as at first: nothing is told, and answers leave as {@link Outputs}
 * lets them. <i>Primary</i>, from {@link #replicate} to {@link #alone} or {@link #drop}. <i>Secondary</i>, from {@link
 * #standBy} to {@link #takeOver}. What is held here and what {@link Outputs} holds are independent: an answer leaves
 * when both let it.
 *
 * <p>Threads: one thread at a time calls the methods that are to be called with the guest paused; {@link #feed}, {@link
 * #release}, {@link #alone}, {@link #drop} and {@link #answered} may come from any thread at any time. What is told is
 * told on the guest's and its clients' threads, one at a time.
 */
public interface Traffic {
    /** The other copy. Both must return at once, and call nothing of the {@link Traffic} that tells them. */
    interface Peer {
        /**
         * A request of this number, in order; told before the guest can take it.
         *
         * @param content what the guest will see; not changed by anybody
         */
        void request(long number, byte[] content);

        /**
         * The guest has answered the request of this number. A secondary tells an answer again when a loaded state has
         * made it go back.
         *
         * @param content what the guest put out; not changed by anybody
         * @return primary: whether it may leave at once, as if it had been {@linkplain Traffic#release released}
         */
        boolean answer(long number, byte[] content);
    }

    /**
     * The guest becomes the primary: from now on every request is told to {@code peer} before the guest gets it, every
     * answer is told and held. The guest is paused, and stays so until its devices have been saved for the secondary:
     * what waits now is in that state and is not told. A second call changes the peer, as after a first one; what is
     * held stays held.
     */
    void replicate(Peer peer);

    /** Primary: the answers up to and with this number may leave. A smaller number than before has no effect. */
    void release(long upToAnswer);

    /** The number of the last answer that the guest has given; exact while it is paused. 0: none. */
    long answered();

    /** How many answers are held now. Any thread; for figures. */
    long heldCount();

    /** Primary no more: all held answers leave, as far as {@link Outputs} lets them, and nothing is told any more. */
    void alone();

    /**
     * The right to run is lost: held answers are dropped, clients are hung up on and refused, and nothing is told any
     * more. {@link #replicate}, {@link #takeOver} and a guest that starts again end that.
     */
    void drop();

    /**
     * The guest becomes the secondary: clients are refused, requests come by {@link #feed} only, answers are told to
     * {@code peer} and leave never. The guest is paused.
     */
    void standBy(Peer peer);

    /**
     * Secondary: a request that the primary was asked. May come before the state that it follows. It is kept until a
     * loaded state covers it, although the guest may have taken it: a state that is loaded takes the guest back to its
     * own number, and what was fed behind that number is in line again.
     *
     * @param number one more than that of the last one fed; the first one may have any
     * @throws IllegalArgumentException if the number does not follow or the content is no request
     * @throws IllegalStateException if this is no secondary, or more requests wait for a state than can be kept
     */
    void feed(long number, byte[] content);

    /** Secondary no more: clients may come, and what was fed and not yet taken stays in line. The guest is paused. */
    void takeOver();
}
