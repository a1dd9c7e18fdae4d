// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.time.Duration;

/** Shows a migration while it goes on. Called by one thread. */
interface ProgressView {
    /** How often it wants to be told. */
    Duration interval();

    /** What is known now. */
    void show(MigrationSample sample);

    /** A sentence that stays: what happened beside the figures. */
    void note(String sentence);

    /** The migration has ended: leaves the screen as it shall stay. What follows says how. */
    void end(MigrationSample last);
}
