// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.arbiter;

import java.util.Optional;
import java.util.UUID;

/**
 * What the record beside a guest's token says: who ran the guest last, and how.
 *
 * @param host the host that last let the guest run, as it names itself; empty if none did
 * @param protection the protection that was in force then: its secondary may go on from a checkpoint
 */
public record LastRun(String host, Optional<UUID> protection) {
    /** Of a guest that never ran. */
    public static final LastRun NEVER = new LastRun("", Optional.empty());

    /** Whether no host but {@code self} has run the guest since {@code self} did. */
    public boolean nowhereBut(String self) {
        return host.isEmpty() || host.equals(self);
    }
}
