// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.postcopy;

/** What postcopy tells the migration that it is a part of. Called by {@code mig-incoming}. */
public interface PostcopyControl {
    /** Page faults are answered from now on, while the guest's devices are loaded. */
    void loading(String reason);

    /** The guest is here and its memory comes. */
    void active(String reason);

    /**
     * The connection is lost; the guest stays.
     *
     * @param error why, and what to do
     * @param reason the same for the log
     */
    void paused(String error, String reason);

    /** The source is back; both sides agree on what is missing. */
    void recovering(String reason);

    /** All memory is here. */
    void completed(String reason);
}
