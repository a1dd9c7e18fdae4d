// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.QmpEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** How long a guest stood still, by the times in its QEMU's events. One thread. */
final class GuestPause {
    private boolean begun;
    private Optional<Instant> stopped = Optional.empty();
    private Optional<Instant> resumed = Optional.empty();

    /** What comes from now on counts. */
    void begin() {
        begun = true;
    }

    void hear(QmpEvent event) {
        if (!begun) {
            return;
        }
        if (event.name().equals("STOP") && stopped.isEmpty()) {
            stopped = Optional.of(event.time());
        } else if (event.name().equals("RESUME") && stopped.isPresent() && resumed.isEmpty()) {
            resumed = Optional.of(event.time());
        }
    }

    /** Whether it has been stopped. */
    boolean hasBegun() {
        return stopped.isPresent();
    }

    /** From the first stop to the first resume after it; empty while there are not both. */
    Optional<Duration> length() {
        return stopped.flatMap(from -> resumed.map(to -> Duration.between(from, to)));
    }
}
