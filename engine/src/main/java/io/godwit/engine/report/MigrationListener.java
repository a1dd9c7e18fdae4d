// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.report;

import io.godwit.engine.outcome.MigrationStatus;
import java.util.List;
import java.util.function.Consumer;

/**
 * Hears of a migration's progress. Called on the migration's own thread: must return at once. What it throws is logged.
 */
public interface MigrationListener {
    /** The migration is in another state now. */
    void statusChanged(MigrationStatus status);

    /** The walk of the dirty bitmap with this number begins; the first one is 1. */
    void passStarted(int pass);

    /** Postcopy, at the source: the destination has loaded the devices and lets the guest run. */
    default void guestGoesOn() {}

    /** COLO is over on this side, which was that until now ({@code COLO_EXIT}). */
    default void protectionEnded(ColoMode mode, ColoExitReason reason) {}

    /** Tells all of {@code listeners}: the migration goes on whatever they throw. */
    static void tell(List<MigrationListener> listeners, Consumer<MigrationListener> event) {
        for (MigrationListener listener : listeners) {
            try {
                event.accept(listener);
            } catch (RuntimeException e) {
                System.getLogger(MigrationListener.class.getName())
                        .log(System.Logger.Level.WARNING, "a listener to the migration failed", e);
            }
        }
    }
}
