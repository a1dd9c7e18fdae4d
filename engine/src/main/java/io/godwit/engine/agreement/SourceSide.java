// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.agreement;

import io.godwit.stream.Command;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * What the destination of one connection has agreed to. Before its answer is back, nothing is agreed.
 *
 * <p>Threads: one hears, any may ask.
 */
public final class SourceSide {
    private static final Extension[] ALL = Extension.values();

    private volatile Set<Extension> agreed = Set.of();
    private volatile boolean godwit;
    private volatile String reason = "";

    /** Hears a PONG; returns whether it was a part of the destination's {@link #reason}. */
    public boolean hearReason(int pong) {
        if (Reason.isPart(pong)) {
            reason = Reason.append(reason, pong);
            return true;
        }
        return false;
    }

    /** Why the destination does not take the guest, in its words; empty if it has not said. */
    public String reason() {
        return reason;
    }

    /** Hears a PONG; returns whether it is an answer to be taken here, and not the echo of a PING. */
    public boolean hear(int pong) {
        for (Extension extension : ALL) {
            boolean yes = pong == extension.yes();
            if (yes || extension.isNo(pong)) {
                if (yes) {
                    Set<Extension> next = EnumSet.of(extension);
                    next.addAll(agreed);
                    agreed = next;
                }
                if (extension == Extension.TOKEN) {
                    godwit = true;
                }
                return true;
            }
        }
        return false;
    }

    /** Whether the destination has said yes. */
    public boolean agreed(Extension extension) {
        return agreed.contains(extension);
    }

    /** Whether the destination is a Godwit: it has answered the question for the token, with yes or no. */
    public boolean isGodwit() {
        return godwit;
    }

    /** Tells how many pages are left out; nothing where nobody wants to know. */
    public List<Command> holes(long pages) {
        return agreed(Extension.HOLES)
                ? List.of(new Command.Ping(Extension.HOLE_COUNT), new Command.Ping((int) pages))
                : List.of();
    }
}
