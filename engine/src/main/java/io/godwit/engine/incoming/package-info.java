// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The destination's side of a migration: receiving memory, loading devices, taking the guest over. Mirrors
 * {@link io.godwit.engine.outgoing}.
 *
 * <p>Read {@code IncomingMigration} first; it runs on the thread {@code mig-incoming}, which owns everything here. Every byte that comes in is
 * hostile until it has been checked; the checks of the format itself are the stream module's.
 */
@NullMarked
package io.godwit.engine.incoming;

import org.jspecify.annotations.NullMarked;
