// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.control.QmpAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What is captured, and how.
 *
 * @param source where the guest's QEMU answers
 * @param listen the URI at which to wait for the guest; port 0 is any
 * @param afterwards what becomes of the guest
 * @param diskHook a shell command to call while the guest stands still
 * @param hookTimeout how long that command may take
 * @param bytesPerSecond the most that the source may send; unlimited if there is none
 * @param downtimeMillis how long the guest may stand still, for its QEMU to go by; what is set there, if there is none
 */
public record CapturePlan(
        QmpAddress source,
        String listen,
        Afterwards afterwards,
        Optional<String> diskHook,
        Duration hookTimeout,
        OptionalLong bytesPerSecond,
        OptionalLong downtimeMillis) {}
