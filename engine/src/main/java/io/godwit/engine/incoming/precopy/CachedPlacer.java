// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.precopy;

import io.godwit.engine.checkpoint.RamCache;
import io.godwit.engine.guest.Arrival;
import io.godwit.engine.incoming.plan.PrecopyPlace;
import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;

/** Puts received pages into guest memory and into its second copy, for a guest that will be a secondary here. */
public final class CachedPlacer implements PrecopyPlace {
    private final PrecopyPlace guestMemory;
    private final RamCache cache;
    private PagePlace copy;

    /** The choice of this place for a guest and its copy. */
    public static PrecopyPlace.Choice into(Arrival guest, RamCache cache, boolean withDigests) {
        PrecopyPlace.Choice direct = DirectPlacer.into(guest, withDigests);
        return blocks ->
                new CachedPlacer(direct.open(blocks), cache, guest.ram().snapshot(), blocks);
    }

    private CachedPlacer(PrecopyPlace guestMemory, RamCache cache, RamBlocks.Snapshot ram, List<RamBlockEntry> order) {
        this.guestMemory = guestMemory;
        this.cache = cache;
        this.copy = cache.mirror(inOrder(ram, order));
    }

    private static RamBlocks.Snapshot inOrder(RamBlocks.Snapshot ram, List<RamBlockEntry> order) {
        return ram.inOrder(order.stream().map(RamBlockEntry::idstr).toList());
    }

    @Override
    public void place(int blockIndex, long offset, NativeMemory content, long position) {
        guestMemory.place(blockIndex, offset, content, position);
        copy.place(blockIndex, offset, content, position);
    }

    @Override
    public void placeZero(int blockIndex, long offset) {
        guestMemory.placeZero(blockIndex, offset);
        copy.placeZero(blockIndex, offset);
    }

    @Override
    public void flush() {
        guestMemory.flush();
        copy.flush();
    }

    @Override
    public void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> next) {
        guestMemory.follow(ram, next);
        copy = cache.mirror(inOrder(ram, next));
    }

    @Override
    public long missingPages() {
        return guestMemory.missingPages();
    }

    @Override
    public Optional<PageDigests> digests() {
        return guestMemory.digests();
    }

    /** The copy stays. */
    @Override
    public void close() {
        guestMemory.close();
    }
}
