// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.capture;

import io.godwit.store.snapshots.Manifest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A capture that came to its end.
 *
 * @param manifest what was stored
 * @param took from the first word to the source to the last byte on the disk
 * @param received from the first byte of the guest to its last
 * @param pause how long the guest stood still, by its QEMU's clock; empty if it did not run before or does not run now
 * @param wireBytes bytes that the source sent
 * @param pages pages that the source sent, those of zeros among them
 * @param disks the disks of the guest, which are not captured
 * @param runState what the guest does now, by QEMU's name
 */
public record CaptureReport(
        Manifest manifest,
        Duration took,
        Duration received,
        Optional<Duration> pause,
        long wireBytes,
        long pages,
        List<Disk> disks,
        String runState) {}
