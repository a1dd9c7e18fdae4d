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

    /** The migration has ended: leaves the screen as it shall stay. */
    void end(MigrationSample last);
}
