// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.wire;

import io.godwit.engine.outcome.MigrationException;

/** How the destination took what came over one connection. */
public sealed interface Verdict {
    /** SHUT 0: it runs the guest, and in postcopy has all its memory. */
    record Accepted() implements Verdict {}

    /**
     * SHUT with another status: it will never run the guest, or in postcopy could not go on.
     *
     * @param reason in its own words; empty if it has not said
     */
    record Rejected(int status, String reason) implements Verdict {}

    /** The way back ended, or nonsense came, before a verdict. */
    record Silent(String why) implements Verdict {}

    /** The way back ended before anything came, but perhaps words that say why. */
    record TurnedAway(String why) implements Verdict {}

    /** Why something failed, if this explains it better. */
    default Throwable explain(Throwable cause) {
        return switch (this) {
            case Rejected _ -> new MigrationException.Protocol("the destination " + describe(), cause);
            case TurnedAway _ -> new MigrationException.Transport("the destination " + describe(), cause);
            case Accepted _, Silent _ -> cause;
        };
    }

    /** The same in words, behind "the destination". */
    default String describe() {
        return switch (this) {
            case Accepted _ -> "said that it runs the guest";
            case Rejected(int status, String reason) ->
                reason.isEmpty()
                        ? "refused the guest with status " + status + "; its own log says why"
                        : "refused the guest: " + reason;
            case Silent(String why) -> why;
            case TurnedAway(String why) -> why;
        };
    }
}
