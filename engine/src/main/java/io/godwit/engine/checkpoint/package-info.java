// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Postcopy that cannot lose the guest: while memory is missing at the destination, what the guest does there goes back
 * to the source in epochs, and the source can go on from the last whole one if the destination dies.
 *
 * <p>Read {@link io.godwit.engine.checkpoint.CheckpointTaker} (destination) and {@link
 * io.godwit.engine.checkpoint.CheckpointKeeper} (source) first. What they say to each other over a connection of their
 * own is {@link io.godwit.engine.checkpoint.CheckpointRecord} and {@link io.godwit.engine.checkpoint.SourceWord}; both
 * read the other's bytes as those of a stranger.
 *
 * <p>Invariants: what the guest put out in an epoch is released only after the source has acknowledged that epoch; the
 * source acknowledges only what it could restore at once; once the source has acknowledged the end of safety it
 * restores nothing any more, and only then the outputs flow freely. So what the world has seen is never undone.
 *
 * <p>Threads: {@code mig-epochs} on either side, one each.
 */
@NullMarked
package io.godwit.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
