// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming;

import io.godwit.engine.incoming.checkpoint.Secondary;
import io.godwit.engine.incoming.plan.IncomingPlan;
import io.godwit.engine.incoming.plan.IncomingProgress;
import io.godwit.engine.incoming.postcopy.PostcopyArrival;
import io.godwit.engine.incoming.precopy.BlockListFollower;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;

/**
 * The choice of the place where pages go, made when the source has named its blocks: what the plan says, or memory that
 * is watched, if the guest may go before its memory.
 *
 * <p>Threads: {@code mig-incoming}; {@link #watched} any.
 */
final class Placement implements AutoCloseable {
    private static final String STILL_ARRIVING = "Memory can neither be added nor taken away now: the guest's memory is"
            + " still arriving. When query-migrate says completed, try again.";
    private static final String SECONDARY = "Memory can neither be added nor taken away now: the guest is a secondary,"
            + " whose memory must be the same as its primary's. When query-migrate says completed, try again.";

    private final IncomingPlan plan;
    private final IncomingProgress progress;
    private final BlockListFollower list;
    private Optional<PrecopyPlace> place = Optional.empty();
    private volatile Optional<PostcopyArrival> watched = Optional.empty();
    private Optional<RamBlocks.Hold> hold = Optional.empty();

    Placement(IncomingPlan plan, IncomingProgress progress) {
        this.plan = plan;
        this.progress = progress;
        this.list = new BlockListFollower(plan.guest());
    }

    /**
     * The guest's blocks are these.
     *
     * @param advised whether postcopy may follow
     * @param secondary what the guest is to become, if checkpoints follow
     * @return where their pages go
     */
    PagePlace begin(List<RamBlockEntry> blocks, boolean advised, Optional<Secondary> secondary) {
        plan.guest().acceptRam(blocks);
        if (secondary.isPresent()) {
            holdRam(SECONDARY);
            PrecopyPlace mirrored = secondary.get().placeOf(blocks);
            place = Optional.of(mirrored);
            return mirrored;
        }
        if (advised) {
            PostcopyArrival made = new PostcopyArrival(plan, blocks, progress);
            watched = Optional.of(made);
            place = Optional.of(made);
            return made;
        }
        PrecopyPlace chosen = plan.places().open(blocks);
        place = Optional.of(chosen);
        return chosen;
    }

    /** The guest's blocks are others now; their pages go where they went. */
    void change(List<RamBlockEntry> blocks) {
        PrecopyPlace now = place.orElseThrow();
        list.count();
        now.forgetAllBut(blocks);
        list.follow(blocks);
        now.follow(plan.guest().ram().snapshot(), blocks);
    }

    /** Pages, faults and epochs go by the list as it is, until {@link #letRamChange}. */
    void holdRam() {
        holdRam(STILL_ARRIVING);
    }

    private void holdRam(String why) {
        hold = hold.or(() -> Optional.of(plan.guest().ram().hold(why)));
    }

    /** All memory is here: blocks may come and go. */
    void letRamChange() {
        hold.ifPresent(RamBlocks.Hold::close);
    }

    /** The memory that faults are heard of, once the source has advised postcopy and named its blocks. */
    Optional<PostcopyArrival> watched() {
        return watched;
    }

    /** Pages that have not come. */
    long missingPages() {
        return place.map(PrecopyPlace::missingPages).orElse(0L);
    }

    /** Hashes of the pages as they came, where that was asked for. */
    Optional<PageDigests> digests() {
        return place.flatMap(PrecopyPlace::digests);
    }

    /** All has come while the guest was at its source: from here on its memory is like any other. */
    void endPrecopy() {
        place.ifPresent(PrecopyPlace::close);
    }

    /** Frees everything, the watch over the guest's memory included. */
    @Override
    public void close() {
        endPrecopy();
        letRamChange();
    }
}
