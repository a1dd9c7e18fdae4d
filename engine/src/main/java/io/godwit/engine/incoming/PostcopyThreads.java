// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

/**
 * Makes the threads that a guest that arrives by postcopy waits for. All in one place, so that they are scheduled
 * alike.
 */
final class PostcopyThreads {
    private PostcopyThreads() {}

    /** Starts a platform thread. */
    static Thread start(String name, Runnable work) {
        return Thread.ofPlatform().name(name).start(work);
    }
}
