// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The destination's side of a migration: receiving memory, loading devices, taking the guest over. Mirrors
 * {@link io.godwit.engine.outgoing}.
 *
 * <p>Read {@code IncomingMigration} first; it runs on the thread {@code mig-incoming}, which owns the state. {@code
 * IncomingSession} is the stream, {@code DirectPlacer} its pages in plain precopy. Every byte that comes in is hostile
 * until it has been checked; the checks of the format itself are the stream module's.
 *
 * <p>Postcopy: {@code PostcopyDestination} says what happens when; {@code PostcopyArrival} is what lives from the
 * guest's first page to its last ({@code ArrivingMemory}, {@code FaultThread}, {@code FaultLog}), {@code PostcopyLink}
 * what lives as long as one connection ({@code mig-listen}, {@code mig-preempt}). Invariant: a page that is missing is
 * touched by no Java thread. A page is placed first and marked received second; a fault marks its page requested first
 * and looks whether it is received second: so every page that somebody waits for is asked for or there.
 */
@NullMarked
package io.godwit.engine.incoming;

import org.jspecify.annotations.NullMarked;
