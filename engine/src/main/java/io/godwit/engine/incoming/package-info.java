// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The destination's side of a migration: receiving memory, loading devices, taking the guest over. Mirrors
 * {@link io.godwit.engine.outgoing}.
 *
 * <p>Read {@code IncomingMigration} first; it runs on the thread {@code mig-incoming}. {@code IncomingControl} has the
 * state and the requests of control sessions, {@code IncomingSession} the steps of one arrival: {@code CommandReader}
 * does what the source says, {@code Placement} chooses where pages go, {@code Takeover} begins the guest's life here.
 *
 * <p>Below are {@code .precopy} and {@code .postcopy}, which know nothing of each other and of the roof; {@code
 * .checkpoint} is where a destination that runs in step with its source will have its room. {@code .plan} and {@code
 * .wire} are the ground for all.
 */
@NullMarked
package io.godwit.engine.incoming;

import org.jspecify.annotations.NullMarked;
