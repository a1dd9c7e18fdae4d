// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine;

/** Hears of a migration's progress. Called on the migration's own thread: must return at once and must not throw. */
public interface MigrationListener {
    /** The migration is in another state now. */
    void statusChanged(MigrationStatus status);

    /** The walk of the dirty bitmap with this number begins; the first one is 1. */
    void passStarted(int pass);
}
