// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

import io.godwit.engine.guest.Arrival;
import io.godwit.engine.guest.RunControl;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.stream.Command;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;

/**
 * What this destination has agreed to with its source, and how the source shows whose it is when it connects again. A
 * QEMU asks for nothing.
 *
 * <p>Threads: the one that reads the main channel.
 */
public final class DestinationSide {
    private final Arrival guest;
    private final RunControl run;
    private final boolean postcopy;
    private final BooleanSupplier takesMore;
    private final boolean stages;
    private final Set<Extension> agreed = EnumSet.noneOf(Extension.class);
    private boolean godwit;
    private boolean identityArrived;
    private boolean markDue;
    private boolean holeCountDue;
    private long holes;

    /**
     * Nothing is agreed yet.
     *
     * @param postcopy whether the source may let the guest run here before its memory has come
     * @param takesMore whether more than one connection can come
     * @param stages whether a secondary here keeps no second copy of RAM
     */
    public DestinationSide(Arrival guest, RunControl run, boolean postcopy, BooleanSupplier takesMore, boolean stages) {
        this.guest = guest;
        this.run = run;
        this.postcopy = postcopy;
        this.takesMore = takesMore;
        this.stages = stages;
    }

    /** Whether the source has named its guest. */
    public void identityArrived(boolean arrived) {
        identityArrived = arrived;
    }

    /**
     * Answers a PING.
     *
     * @param pong sends one PONG with the value it is given
     */
    public void answer(int value, IntConsumer pong) {
        if (holeCountDue) {
            // A number, whatever else that value may mean.
            holes = Integer.toUnsignedLong(value);
            holeCountDue = false;
        } else {
            for (Extension extension : Extension.values()) {
                if (value == extension.question()) {
                    answer(extension, pong);
                }
            }
            holeCountDue = agreed(Extension.HOLES) && value == Extension.HOLE_COUNT;
        }
        pong.accept(value);
    }

    private void answer(Extension asked, IntConsumer pong) {
        godwit |= asked == Extension.TOKEN;
        if (isPossible(asked)) {
            boolean _ = agreed.add(asked);
            pong.accept(asked.yes());
        } else {
            boolean _ = agreed.remove(asked);
            asked.no().ifPresent(pong);
        }
    }

    private boolean isPossible(Extension asked) {
        return switch (asked) {
            // A token that is not the source's too is none: without the guest's name, or with another arbiter.
            case TOKEN -> identityArrived && run.sharesTokenWithSource();
            case SAFETY ->
                postcopy
                        && agreed(Extension.TOKEN)
                        && guest.guest().isPresent()
                        && guest.guest().get().outputs().isPresent()
                        && guest.guest().get().dirtyTracker().worksWhileArriving();
            case HOLES -> true;
            case PLUG -> guest.ramPlug().isPresent();
            case COMPARE -> guest.guest().isPresent() && takesMore.getAsBoolean();
            case STANDSTILL -> guest.guest().isPresent();
            case WRITTEN -> stages && guest.guest().isPresent();
        };
    }

    /** Whether this side has said yes. */
    public boolean agreed(Extension extension) {
        return agreed.contains(extension);
    }

    /** Whether more than one connection can come. */
    public boolean takesMore() {
        return takesMore.getAsBoolean();
    }

    /** Whether the source is a Godwit, which knows that every page must come. */
    public boolean isGodwit() {
        return godwit;
    }

    /** How many pages the source leaves out of a precopy, because they are of no worth. */
    public long holes() {
        return holes;
    }

    /** A new connection begins. */
    public void reconnected() {
        markDue = agreed(Extension.TOKEN);
    }

    /**
     * The first thing on a new connection must show that it is the same guest's source, where that was agreed.
     *
     * @throws MigrationException.Protocol if it is another's
     */
    public void refuseWithoutMark(Command command) {
        if (!markDue) {
            return;
        }
        int mark = IdentityMark.of(guest.identity());
        if (!(command instanceof Command.Ping(int value)) || value != mark) {
            throw new MigrationException.Protocol("the source that connected is not the one of guest "
                    + guest.identity() + ", which waits for its memory here");
        }
        markDue = false;
    }
}
