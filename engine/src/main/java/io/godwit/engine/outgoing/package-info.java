// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The source's side of a migration: passes over the dirty bitmap, convergence, switchover, postcopy. Mirrors
 * {@link io.godwit.engine.incoming}.
 *
 * <p>Read {@code OutgoingMigration} first, then {@code OutgoingSession} for the first connection and {@code Postcopy}
 * for what follows the switch to postcopy. All of it runs on the thread {@code mig-outgoing} but {@code ReturnPath},
 * which the thread {@code mig-return-path} feeds, and what it calls: {@code PageRequests}, which with preempt sends
 * requested pages from there, and the answering half of {@code PushWindow}. Control sessions leave their wishes in
 * {@code OutgoingControl}.
 */
@NullMarked
package io.godwit.engine.outgoing;

import org.jspecify.annotations.NullMarked;
