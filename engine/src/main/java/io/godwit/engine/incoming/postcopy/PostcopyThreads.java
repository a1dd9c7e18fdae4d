// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

/**
 * Makes the threads that a guest that arrives by postcopy waits for. All in one place, so that they are scheduled
 * alike.
 */
public final class PostcopyThreads {
    private PostcopyThreads() {}

    /** Starts a platform thread. */
    public static Thread start(String name, Runnable work) {
        return Thread.ofPlatform().name(name).start(work);
    }
}
