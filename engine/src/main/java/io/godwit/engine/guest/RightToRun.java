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
import java.util.function.Predicate;

/**
 * The right to run one guest, as its host has it or tries to get it: the guest's token, and what the record beside the
 * token says.
 *
 * <p>Threads: {@link RunControl} calls it under its lock; {@link #isUndecided}, {@link #isLost} and {@link
 * #fencingNumber} are for any thread.
 */
final class RightToRun {
    private static final System.Logger LOG = System.getLogger(RightToRun.class.getName());
    private static final Duration CLAIM_PATIENCE = Duration.ofMillis(200);

    private final Arrival guest;
    private final Arbiter arbiter;
    private volatile boolean undecided;
    private volatile Optional<String> lost = Optional.empty();

    RightToRun(Arrival guest, Arbiter arbiter) {
        this.guest = guest;
        this.arbiter = arbiter;
    }

    /** From now on {@code lost} is called when the token could not be kept, with {@link #isLost} true. */
    void watchLoss(Runnable onLoss) {
        arbiter.watchLoss(() -> {
            lost = Optional.of("its token could not be kept");
            onLoss.run();
        });
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
        if (arbiter.claim(guest.identity(), CLAIM_PATIENCE) instanceof Arbiter.Claim.Lost other) {
            throw new MigrationException.RightToRun("The right to run guest " + guest.identity() + " is held by "
                    + other.holder() + "; it runs there, so it is not started here.");
        }
        won();
    }

    private void won() {
        undecided = false;
        lost = Optional.empty();
    }

    /** Takes the token if nobody else has run the guest since this host released or lost it. */
    Attempt winBack() {
        return winBack(CLAIM_PATIENCE);
    }

    /** The same without waiting for one who has it. */
    Attempt winBackAtOnce() {
        return winBack(Duration.ZERO);
    }

    private Attempt winBack(Duration patience) {
        boolean heldThroughout = arbiter.held();
        Attempt attempt = attempt(patience, last -> heldThroughout || last.nowhereBut(arbiter.self()));
        if (attempt.isWon()) {
            won();
        }
        return attempt;
    }

    /**
     * Takes the token of a host that held it for certain, and so is dead if it is free.
     *
     * @param patience how long the token may take to become free
     */
    Attempt winFromTheDead(Duration patience) {
        return attempt(patience, _ -> true);
    }

    /**
     * Takes the token for a guest that has stood by, if it is free now.
     *
     * @param under the protection that the record must name; empty: whoever ran the guest last
     */
    Attempt winAsSecondary(Optional<UUID> under) {
        // A record of this host itself is one of an attempt that went wrong after it.
        Attempt attempt = attempt(
                Duration.ZERO,
                last -> under.isEmpty()
                        || last.protection().equals(under)
                        || last.host().equals(arbiter.self()));
        return attempt.isFinal()
                ? new Attempt(GuestOwner.PEER, "another host has gone on without this secondary since then", true)
                : attempt;
    }

    private Attempt attempt(Duration patience, Predicate<LastRun> acceptable) {
        try {
            return switch (arbiter.claim(guest.identity(), patience)) {
                case Arbiter.Claim.Lost other ->
                    new Attempt(
                            GuestOwner.PEER, "the token is with " + other.holder(), !acceptable.test(other.lastRun()));
                case Arbiter.Claim.Won(LastRun last)
                when !acceptable.test(last) -> {
                    // That host wrote down that it lets the guest run and then gave the token up: it died, or ended the
                    // guest.
                    arbiter.release();
                    yield new Attempt(GuestOwner.UNDECIDED, "it ran at " + last.host() + ", which is gone", true);
                }
                case Arbiter.Claim.Won _ -> new Attempt(GuestOwner.HERE, "taken back");
            };
        } catch (RuntimeException | Error e) {
            LOG.log(
                    isLost() ? System.Logger.Level.DEBUG : System.Logger.Level.ERROR,
                    "guest " + guest.identity() + " stays stopped: no arbiter says whose it is",
                    e);
            return new Attempt(GuestOwner.UNDECIDED, "the arbiter cannot be asked: " + MigrationException.sentence(e));
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
        lost = Optional.empty();
    }

    /** Whether nobody knows who owns the guest. */
    boolean isUndecided() {
        return undecided;
    }

    /** Whether the token was lost while the guest was here, and has not been won back. Any thread. */
    boolean isLost() {
        return lost.isPresent();
    }

    /** Why the guest stands still although nobody stopped it, as a sentence. Any thread. */
    Optional<String> whyStill() {
        if (undecided) {
            return Optional.of("Guest " + guest.identity() + ": " + GuestOwner.UNDECIDED.sentence() + ".");
        }
        return lost.map(why -> "The right to run guest " + guest.identity() + " is lost: " + why
                + ". The guest stands still here, and what it had put out and was held back is dropped. It goes on by"
                + " itself when the token is won again and no other host has run it meanwhile.");
    }

    /** After an attempt to win it back that came to nothing. */
    void stillLost(String reason) {
        lost = Optional.of("its token could not be kept; now " + reason);
    }

    /**
     * Nothing is handed over, and nothing goes on, without the token.
     *
     * @throws MigrationException.RightToRun if it is lost
     */
    void requireNotLost() {
        if (isLost()) {
            throw new MigrationException.RightToRun(whyStill().orElse("The right to run is lost."));
        }
    }

    long fencingNumber() {
        return arbiter.fencingNumber();
    }

    void close() {
        arbiter.close();
    }
}
