// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * The source's side of a migration: how it begins, when the guest stops, who owns it at the end. Mirrors
 * {@link io.godwit.engine.incoming}.
 *
 * <p>Read {@code OutgoingMigration} first, then {@code OutgoingSession} for the first connection. This package is the
 * roof. The passes are in {@code .precopy}, what follows the switch to postcopy is in {@code .postcopy}; neither knows
 * the other or the roof. Both stand on {@code .plan} (what a migration is made of, and its figures) and {@code .wire}
 * (the stream to the destination and its answers). Checkpoints of a guest that goes on here will be {@code
 * .checkpoint}.
 *
 * <p>The thread is {@code mig-outgoing}, where no other is named. Control sessions leave their wishes in {@code
 * OutgoingControl}.
 */
@NullMarked
package io.godwit.engine.outgoing;

import org.jspecify.annotations.NullMarked;
