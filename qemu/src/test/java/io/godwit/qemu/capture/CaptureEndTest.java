// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.QmpAddress;
import io.godwit.store.SnapshotName;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class CaptureEndTest {
    private final RuntimeException silent = new CaptureException("it did not answer for 30 s");

    private static CaptureEnd end(Afterwards afterwards, Optional<RuntimeException> failure, boolean stored) {
        CapturePlan plan = new CapturePlan(
                QmpAddress.parse("unix:/x"),
                "tcp:127.0.0.1:0",
                afterwards,
                Optional.empty(),
                Duration.ofMinutes(1),
                OptionalLong.empty(),
                OptionalLong.empty());
        return new CaptureEnd(plan, new SnapshotName("one"), failure, stored);
    }

    @Test
    void snapshotThatWasPublishedThoughTheSourceDidNotSettleIsNamedAsWhole() {
        CaptureException told =
                end(Afterwards.KEEP_RUNNING, Optional.empty(), true).unsettled(silent, Optional.empty(), "return-path");
        assertThat(told)
                .hasMessage("All of the guest at unix:/x was received. Then its QEMU did not do what it was asked: it"
                        + " did not answer for 30 s. If it lives, its guest goes on by itself. These settings there may"
                        + " not be as they were: return-path. The next capture puts them back. The snapshot one is"
                        + " whole.")
                .hasCause(silent);
    }

    @Test
    void failureBeforeTheSourceDidNotSettleIsToldFirst() {
        RuntimeException full = new CaptureException("the disk is full");
        CaptureException told =
                end(Afterwards.KEEP_RUNNING, Optional.of(full), false).unsettled(silent, Optional.of("running"), "");
        assertThat(told)
                .hasMessage("The capture of unix:/x failed: the disk is full. Then its QEMU did not do what it was"
                        + " asked: it did not answer for 30 s. The guest runs on at its QEMU. There is no snapshot of"
                        + " it.")
                .hasCause(full);
    }

    @Test
    void guestThatMayHaveBeenGivenAwayIsNotSaidToRun() {
        assertThat(end(Afterwards.PAUSE, Optional.empty(), true).unsettled(silent, Optional.empty(), ""))
                .hasMessageContaining("Its guest stands still until 'cont', or has gone on by itself:"
                        + " ask its QEMU with query-status. The snapshot one is whole.");
    }

    @Test
    void guestThatWasNotGivenAwayIsToldWithItsState() {
        CaptureEnd end = end(Afterwards.QUIT, Optional.empty(), true);
        assertThat(end.notGivenAway("running"))
                .hasMessage("The snapshot one is whole, but the guest has gone on at its QEMU; it was not ended.");
        assertThat(end.notGivenAway("paused"))
                .hasMessage("The snapshot one is whole, but the guest is paused at its QEMU, which has not given it"
                        + " away; it was not ended.");
        assertThat(end.failed(silent, "postmigrate"))
                .hasMessage("The capture of unix:/x failed: it did not answer for 30 s. The guest stands still at its"
                        + " QEMU until 'cont'. The snapshot one is whole.");
    }
}
