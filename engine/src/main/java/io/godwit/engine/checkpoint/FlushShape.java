// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.checkpoint;

/** How the pages of a flush are shared out to its threads. */
public enum FlushShape {
    /**
     * As many ranges as threads, equal in length, without a look at what is in them. Pages that lie in one corner are
     * one thread's work.
     */
    RANGES,

    /** The calling thread looks for pages and cuts them into small pieces; whoever has done one takes the next. */
    RUNS
}
