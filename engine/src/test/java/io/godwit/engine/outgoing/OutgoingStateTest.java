// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.GuestOwner;
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
            new OutgoingState.Completed(),
            new OutgoingState.Failed("why", GuestOwner.HERE),
            new OutgoingState.Cancelling(),
            new OutgoingState.Cancelled());

    private static final Map<String, Set<String>> LEGAL = Map.of(
            "setup", Set.of("active", "failed", "cancelling"),
            "active", Set.of("pre-switchover", "device", "failed", "cancelling"),
            "pre-switchover", Set.of("device", "failed", "cancelling"),
            "device", Set.of("completed", "failed", "cancelling"),
            "cancelling", Set.of("cancelled", "failed", "completed"),
            "completed", Set.of(),
            "failed", Set.of(),
            "cancelled", Set.of());

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
