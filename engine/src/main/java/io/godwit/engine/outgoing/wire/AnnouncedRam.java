// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.memory.RamBlocks;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The guest's RAM blocks as the destination knows them. The guest's own list is held, so that nobody can change it,
 * from the beginning until the destination has said that it can follow, and again from the switchover on; in between
 * the destination's list is behind the guest's for the time of a batch of pages, and {@code mig-outgoing} brings it up
 * to date.
 *
 * <p>Threads: {@code mig-outgoing}; {@link #snapshot} any.
 */
public final class AnnouncedRam implements AutoCloseable {
    private final RamBlocks ram;
    private volatile RamBlocks.Snapshot announced;
    private Optional<RamBlocks.Hold> hold;

    /** Begins with the list as it is, and holds it for this reason. */
    public AnnouncedRam(RamBlocks ram, String reason) {
        this.ram = ram;
        RamBlocks.Hold first = ram.hold(reason);
        this.hold = Optional.of(first);
        this.announced = first.snapshot();
    }

    /** The list that the destination has. */
    public RamBlocks.Snapshot snapshot() {
        return announced;
    }

    /** The destination follows: blocks may come and go. */
    public void letChange() {
        hold.ifPresent(RamBlocks.Hold::close);
        hold = Optional.empty();
    }

    /** Blocks stay as they are for another reason than before. */
    public void keepBecause(String reason) {
        hold.ifPresent(one -> one.because(reason));
    }

    /**
     * Holds the list.
     *
     * @return false if it has changed since it was announced; then nothing is held
     */
    public boolean holdIfCurrent(String reason) {
        if (hold.isPresent()) {
            keepBecause(reason);
            return true;
        }
        RamBlocks.Hold now = ram.hold(reason);
        if (now.snapshot().version() != announced.version()) {
            now.close();
            return false;
        }
        hold = Optional.of(now);
        return true;
    }

    /** Holds the list as it is now, whether or not it was announced; {@link #change} tells what is left to say. */
    public void hold(String reason) {
        if (hold.isEmpty()) {
            hold = Optional.of(ram.hold(reason));
        } else {
            keepBecause(reason);
        }
    }

    /** Whether the guest's list has changed since it was announced. */
    public boolean isOutdated() {
        return ram.snapshot().version() != announced.version();
    }

    /** What follows from a change. */
    public record Change(List<List<RamBlock>> lists, RamBlocks.Snapshot next) {}

    /**
     * What to tell the destination: one list after the other. A name that went and came again means another block, and
     * its length may be another one, so its going is told first.
     */
    public Change change() {
        RamBlocks.Snapshot next = ram.snapshot();
        Set<RamBlock> known = new HashSet<>(announced.blocks());
        List<RamBlock> staying = next.blocks().stream().filter(known::contains).toList();
        boolean nameAgain = next.blocks().stream()
                .anyMatch(block ->
                        !known.contains(block) && announced.find(block.idstr()).isPresent());
        List<List<RamBlock>> lists = new ArrayList<>();
        if (nameAgain) {
            lists.add(staying);
        }
        lists.add(next.blocks());
        return new Change(lists, next);
    }

    /** The destination has been told. */
    public void announced(RamBlocks.Snapshot next) {
        announced = next;
    }

    /** Nobody is refused for this migration any more. */
    @Override
    public void close() {
        letChange();
    }
}
