// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.guest;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.LastRun;
import io.godwit.engine.outcome.GuestOwner;
import io.godwit.engine.outcome.MigrationException;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/**
 * The right to run one guest, as its host has it or tries to get it: the guest's token, and what the record beside the
 * token says.
 *
 * <p>Threads: {@link RunControl} calls it under its lock; {@link #isUndecided} and {@link #fencingNumber} are for any
 * thread.
 */
final class RightToRun {
    private static final System.Logger LOG = System.getLogger(RightToRun.class.getName());
    private static final Duration CLAIM_PATIENCE = Duration.ofMillis(200);

    private final Arrival guest;
    private final Arbiter arbiter;
    private volatile boolean undecided;

    RightToRun(Arrival guest, Arbiter arbiter) {
        this.guest = guest;
        this.arbiter = arbiter;
    }

    /**
     * What came of an attempt to win the token back.
     *
     * @param owner who has the guest; the token is held only if that is this side
     * @param reason in few words, for the log
     * @param isFinal whether another attempt can have no other end
     */
    record Attempt(GuestOwner owner, String reason, boolean isFinal) {
        Attempt(GuestOwner owner, String reason) {
            this(owner, reason, false);
        }

        boolean isWon() {
            return owner == GuestOwner.HERE;
        }
    }

    /**
     * Takes the token, whoever ran the guest last: for one who knows that nobody else does.
     *
     * @throws MigrationException.RightToRun if another host has it
     */
    void claimOrThrow() {
        if (arbiter.claim(guest.identity(), CLAIM_PATIENCE) instanceof Arbiter.Claim.Lost(String holder)) {
            throw new MigrationException.RightToRun("The right to run guest " + guest.identity() + " is held by "
                    + holder + "; it runs there, so it is not started here.");
        }
        undecided = false;
    }

    /** Takes the token if nobody else has run the guest since this host released it. */
    Attempt winBack() {
        boolean heldThroughout = arbiter.held();
        Optional<Arbiter.Claim> claim = claim(CLAIM_PATIENCE);
        if (claim.isEmpty()) {
            return new Attempt(GuestOwner.UNDECIDED, "the arbiter cannot be asked");
        }
        return switch (claim.get()) {
            case Arbiter.Claim.Lost(String holder) -> new Attempt(GuestOwner.PEER, "the token is with " + holder);
            case Arbiter.Claim.Won(LastRun last)
            when !heldThroughout && !last.nowhereBut(arbiter.self()) -> {
                // The destination wrote down that it lets the guest run and then gave the token up: it died, or ended
                // the guest.
                arbiter.release();
                yield new Attempt(GuestOwner.UNDECIDED, "it ran at " + last.host() + ", which is gone");
            }
            case Arbiter.Claim.Won _ -> new Attempt(GuestOwner.HERE, "taken back");
        };
    }

    /**
     * Takes the token of a host that held it for certain, and so is dead if it is free.
     *
     * @param patience how long the token may take to become free
     */
    Attempt winFromTheDead(Duration patience) {
        return claim(patience)
                .map(claim -> switch (claim) {
                    case Arbiter.Claim.Lost(String holder) ->
                        new Attempt(GuestOwner.PEER, "the token is with " + holder);
                    case Arbiter.Claim.Won _ -> new Attempt(GuestOwner.HERE, "taken back");
                })
                .orElse(new Attempt(GuestOwner.UNDECIDED, "the arbiter cannot be asked"));
    }

    /**
     * Takes the token for a guest that has stood by.
     *
     * @param under the protection that the record must name; empty: whoever ran the guest last
     * @param patience how long the token may take to become free
     */
    Attempt winAsSecondary(Optional<UUID> under, Duration patience) {
        Optional<Arbiter.Claim> claim = claim(patience);
        if (claim.isEmpty()) {
            return new Attempt(GuestOwner.UNDECIDED, "no arbiter says whose the guest is");
        }
        return switch (claim.get()) {
            case Arbiter.Claim.Lost(String holder) ->
                new Attempt(GuestOwner.PEER, "the token is with " + holder, false);
            case Arbiter.Claim.Won(LastRun last)
            when under.isPresent() && !last.protection().equals(under) -> {
                arbiter.release();
                yield new Attempt(
                        GuestOwner.PEER, last.host() + " has gone on without this secondary since then", true);
            }
            case Arbiter.Claim.Won _ -> new Attempt(GuestOwner.HERE, "the primary is lost");
        };
    }

    /** Asks for the token; empty if no arbiter says whose the guest is, so that it stays stopped. */
    private Optional<Arbiter.Claim> claim(Duration patience) {
        try {
            return Optional.of(arbiter.claim(guest.identity(), patience));
        } catch (RuntimeException | Error e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "guest " + guest.identity() + " stays stopped: no arbiter says whose it is",
                    e);
            return Optional.empty();
        }
    }

    /**
     * Whether the token of the guest that is arriving is one that its source holds too. An arbiter that finds it free
     * is not the source's, or the source has none: locks on two machines, say.
     *
     * @throws MigrationException.Protocol if the token is this side's, and must not be given up to find out
     */
    boolean sharesTokenWithSource() {
        if (arbiter.held()) {
            throw askedTooLate();
        }
        return switch (arbiter.claim(guest.identity(), Duration.ZERO)) {
            case Arbiter.Claim.Lost _ -> true;
            case Arbiter.Claim.Won _ -> {
                arbiter.release();
                yield false;
            }
        };
    }

    MigrationException.Protocol askedTooLate() {
        return new MigrationException.Protocol(
                "the source asks whose the token of guest " + guest.identity() + " is, although the guest has arrived");
    }

    /** Writes down that the guest runs here from now on, with the token held. */
    void record(Optional<UUID> protection) {
        arbiter.recordRun(protection);
    }

    void release() {
        arbiter.release();
    }

    /** Gives the token up to {@code owner}, who is not this side; a guest of nobody known is {@link #isUndecided}. */
    void leaveTo(GuestOwner owner) {
        arbiter.release();
        undecided = owner == GuestOwner.UNDECIDED;
    }

    /** Whether nobody knows who owns the guest. */
    boolean isUndecided() {
        return undecided;
    }

    long fencingNumber() {
        return arbiter.fencingNumber();
    }

    void close() {
        arbiter.close();
    }
}
