// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

/** How the pages of a flush or a fill are shared out to threads. */
interface FlushCourse {
    /**
     * The calling thread's part. Returns when nothing is left that nobody has begun.
     *
     * @param others to be woken once it is known that there is enough for them; they may come at once
     */
    void lead(FlushHand hand, Runnable others);

    /** The part of another one, which has woken. Returns when nothing is left that nobody has begun. */
    void help(FlushHand hand);
}
