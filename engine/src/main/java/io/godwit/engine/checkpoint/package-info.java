// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/**
 * Checkpoints of a guest that runs: what it does goes in epochs to another process, which can go on from the last whole
 * one if the guest's host dies.
 *
 * <p>The two roles do not depend on the direction of a migration. The {@link
 * io.godwit.engine.checkpoint.CheckpointTaker} is where the guest runs. The {@link
 * io.godwit.engine.checkpoint.CheckpointKeeper} is where it stands still. With {@code postcopy-safe} the destination
 * takes, while memory is missing there, and the source keeps. With COLO, which is not here yet, the source would take
 * and the destination keep.
 *
 * <table>
 * <caption>Places</caption>
 * <tr><td>taker</td><td>tracks what is written, stops the guest for a moment, holds its outputs</td></tr>
 * <tr><td>{@code PageSpool}</td><td>the pages of one epoch, outside of the guest, on either side</td></tr>
 * <tr><td>{@code CheckpointRecord}</td><td>what the taker says; {@code CheckpointSender} puts it</td></tr>
 * <tr><td>{@code KeeperWord}</td><td>what the keeper says</td></tr>
 * <tr><td>keeper</td><td>makes whole epochs the guest</td></tr>
 * <tr><td>{@link io.godwit.engine.checkpoint.RamCache}</td><td>a second copy of RAM where the guest runs too (COLO's
 * secondary): pages of a checkpoint come into it, and a flush by several threads makes it the guest</td></tr>
 * </table>
 *
 * <p>Both read the other's bytes as those of a stranger. Their error sentences name the source and the destination of
 * {@code postcopy-safe}, the one user of today.
 *
 * <p>Invariants: what the guest put out in an epoch is released only after the keeper has acknowledged that epoch; the
 * keeper acknowledges only what it could restore at once; once the keeper has acknowledged the end of safety it
 * restores nothing any more, and only then the outputs flow freely. So what the world has seen is never undone.
 *
 * <p>Threads: {@code mig-epochs} on either side, one each; {@code mig-flush} for the cache.
 */
@NullMarked
package io.godwit.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
