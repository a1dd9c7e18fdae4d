// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.checkpoint.ColoProgress;
import io.godwit.engine.environment.Environment;
import io.godwit.testkit.guest.CountingGuest;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A checkpoint is made before clients would have to wait for one. */
final class HeldOutputsTest {
    private final CheckpointTimer timer = new CheckpointTimer(Environment.SYSTEM);

    @Test
    void manyRequestsAskForACheckpoint() {
        try (CountingGuest guest = CountingGuest.byDowncalls(UUID.randomUUID(), new CountingGuest.Census())) {
            HeldOutputs outputs = new HeldOutputs(guest, true, timer, new ColoProgress(), Environment.SYSTEM);
            for (int round = 0; round < 2; round++) {
                for (long request = 1; request < HeldOutputs.MANY_REQUESTS; request++) {
                    outputs.told();
                }
                assertThat(due()).isEqualTo("its time has come");
                outputs.told();
                assertThat(due()).contains("65536 requests have come");
                outputs.taken();
            }
            assertThat(due()).isEqualTo("its time has come");
        }
    }

    /** Why a checkpoint is due now; nothing is waited for. */
    private String due() {
        return timer.await(() -> 0, () -> 1);
    }
}
