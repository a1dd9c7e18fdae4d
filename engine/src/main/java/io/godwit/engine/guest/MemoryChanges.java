// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.RamBlockEntry;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Gives a guest memory and takes it away where the guest is, while it runs and while it migrates.
 *
 * <p>Threads: any. Nobody who changes memory waits for a migration.
 */
public final class MemoryChanges {
    private static final String REFUSED = "Memory can neither be added nor taken away: ";

    private final Arrival guest;
    private final RunControl run;
    private final Supplier<Optional<GuestOwner>> owner;

    /**
     * Changes of one guest's memory.
     *
     * @param owner whose the guest is after the latest migration; empty if none has ended that says so
     */
    public MemoryChanges(Arrival guest, RunControl run, Supplier<Optional<GuestOwner>> owner) {
        this.guest = guest;
        this.run = run;
        this.owner = owner;
    }

    /**
     * Gives the guest more memory.
     *
     * @param idstr the block's name, which a destination will know it by
     * @param byteLength a multiple of {@link RamBlock#PAGE_BYTES}
     * @throws MigrationException.Refused if the guest is not here, cannot have it, or a migration cannot tell its
     * destination; the sentence says why
     */
    public RamBlock plug(String idstr, long byteLength) {
        RamPlug plug = usablePlug();
        RamBlockEntry entry;
        try {
            entry = RamBlockEntry.of(idstr, byteLength);
        } catch (IllegalArgumentException e) {
            throw new MigrationException.Refused("Memory cannot be added: " + e.getMessage(), e);
        }
        return plug.plug(entry, this::refuseWithoutGuest);
    }

    /**
     * Takes memory away from the guest; it is freed when nobody is sending from it any more.
     *
     * @throws MigrationException.Refused as {@link #plug}
     */
    public void unplug(RamBlock block) {
        usablePlug().unplug(block, this::refuseWithoutGuest);
    }

    private RamPlug usablePlug() {
        RamPlug plug = guest.ramPlug()
                .orElseThrow(() -> new MigrationException.Refused(REFUSED + "this guest keeps what it was made with."));
        // A migration that holds the list says best what it is about.
        guest.ram().refuseIfHeld();
        refuseWithoutGuest();
        return plug;
    }

    /**
     * Memory is changed where the guest is. Asked again in the same step as the change: a migration holds the list from
     * before the guest leaves until it is known where it is, so who came before that, and was slow, is refused by what
     * has become of it.
     */
    private void refuseWithoutGuest() {
        RunState now = run.state();
        switch (now) {
            case RUNNING, PAUSED, PRELAUNCH -> {}
            case INMIGRATE, FINISH_MIGRATE, COLO, POSTMIGRATE, INTERNAL_ERROR, SHUTDOWN ->
                throw new MigrationException.Refused(
                        REFUSED + "the guest is " + now.publicName() + " on this host" + whose());
        }
        if (run.isUndecided()) {
            throw new MigrationException.Refused(
                    REFUSED + "whether the destination of the last migration runs the guest is not known.");
        }
    }

    private String whose() {
        return owner.get()
                .map(known -> switch (known) {
                    case HERE -> "; it is here.";
                    case PEER -> "; the other side of its migration has it.";
                    case UNDECIDED -> "; which side of its migration has it is not known.";
                })
                .orElse(", and no migration has ended that says who has it.");
    }
}
