// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.programs;

/**
 * The service device as its program sees it. Belongs to the vCPU's thread.
 *
 * <p>In machine code both ports are read with 32 bits: bit 31 says that a request has come, the others are ticks as
 * {@link BeatPort#awaitTick} counts them. The words of a request come in the registers r8 to r12, those of an answer
 * are in r8 to r13.
 */
public interface ServicePort {
    /** Port on which the program beats and waits for a request. */
    int ASK_PORT = 0x668;

    /** Port on which it gives its answer, beats and waits for the next request. */
    int ANSWER_PORT = 0x66c;

    /** Of a request: client, number, {@linkplain ServiceLayout operation}, key, value. */
    int REQUEST_WORDS = 5;

    /** Of an answer: client, number, status (0, or 1: out of order), value, checksum, serial. */
    int ANSWER_WORDS = 6;

    /** Whether {@link #take} would find a request. */
    boolean isWaiting();

    /**
     * Takes the next request; the answer to the one before has been given.
     *
     * @param words receives it
     * @return false if there is none
     */
    boolean take(long[] words);

    /** The answer to the request that was taken last. */
    void answer(long[] words);
}
