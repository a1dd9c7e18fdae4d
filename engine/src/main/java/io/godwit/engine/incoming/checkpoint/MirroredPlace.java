// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.incoming.checkpoint;

import io.godwit.engine.memory.PageDigests;
import io.godwit.engine.memory.PagePlace;
import io.godwit.engine.memory.PrecopyPlace;
import io.godwit.engine.memory.RamBlocks;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.linux.memory.NativeMemory;
import io.godwit.stream.RamBlockEntry;
import java.util.List;
import java.util.Optional;

/**
 * Puts pages into the guest and into the secondary's cache, as long as the guest arrives. On {@code mig-incoming}.
 *
 * @param guest where they belong
 * @param cache the second copy
 */
record MirroredPlace(PrecopyPlace guest, PagePlace cache) implements PrecopyPlace {
    @Override
    public void place(int blockIndex, long offset, NativeMemory content, long position) {
        guest.place(blockIndex, offset, content, position);
        cache.place(blockIndex, offset, content, position);
    }

    @Override
    public void placeZero(int blockIndex, long offset) {
        guest.placeZero(blockIndex, offset);
        cache.placeZero(blockIndex, offset);
    }

    @Override
    public void flush() {
        guest.flush();
        cache.flush();
    }

    @Override
    public void follow(RamBlocks.Snapshot ram, List<RamBlockEntry> next) {
        throw new MigrationException.Protocol("the source changes its list of RAM blocks, which a secondary's stays");
    }

    @Override
    public long missingPages() {
        return guest.missingPages();
    }

    @Override
    public Optional<PageDigests> digests() {
        return guest.digests();
    }

    @Override
    public void close() {
        guest.close();
    }
}
