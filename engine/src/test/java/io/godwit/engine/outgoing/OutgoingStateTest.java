// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.outcome.GuestOwner;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class OutgoingStateTest {
    private static final List<OutgoingState> ALL = List.of(
            new OutgoingState.Setup(),
            new OutgoingState.Active(),
            new OutgoingState.PreSwitchover(),
            new OutgoingState.Device(),
            new OutgoingState.PostcopyActive(),
            new OutgoingState.PostcopyPaused("why", GuestOwner.PEER),
            new OutgoingState.PostcopyRecoverSetup(),
            new OutgoingState.PostcopyRecover(),
            new OutgoingState.Completed(),
            new OutgoingState.Failed("why", GuestOwner.HERE),
            new OutgoingState.Cancelling(),
            new OutgoingState.Cancelled());

    private static final Map<String, Set<String>> LEGAL = Map.ofEntries(
            entry("setup", Set.of("active", "failed", "cancelling")),
            entry("active", Set.of("pre-switchover", "device", "failed", "cancelling")),
            entry("pre-switchover", Set.of("device", "failed", "cancelling")),
            entry("device", Set.of("completed", "postcopy-active", "failed", "cancelling")),
            entry("postcopy-active", Set.of("completed", "postcopy-paused", "failed")),
            entry("postcopy-paused", Set.of("postcopy-recover-setup", "failed")),
            entry("postcopy-recover-setup", Set.of("postcopy-recover", "postcopy-paused", "failed")),
            entry("postcopy-recover", Set.of("postcopy-active", "postcopy-paused", "failed")),
            entry("cancelling", Set.of("cancelled", "failed", "completed")),
            entry("completed", Set.of()),
            entry("failed", Set.of()),
            entry("cancelled", Set.of()));

    @Test
    void everyPairOfStatesIsLegalOrNotAsQemuHasIt() {
        for (OutgoingState from : ALL) {
            for (OutgoingState to : ALL) {
                boolean legal = LEGAL.getOrDefault(from.status().publicName(), Set.of())
                        .contains(to.status().publicName());
                assertThat(from.mayBecome(to)).as("%s -> %s", from, to).isEqualTo(legal);
            }
        }
    }
}
