// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The source's side of a migration: passes over the dirty bitmap, convergence, switchover. Mirrors
 * {@link io.godwit.engine.incoming}.
 *
 * <p>Read {@code OutgoingMigration} first; it runs on the thread {@code mig-outgoing} and owns everything here but {@code ReturnPath},
 * which the thread {@code mig-return-path} feeds.
 */
@NullMarked
package io.godwit.engine.outgoing;

import org.jspecify.annotations.NullMarked;
