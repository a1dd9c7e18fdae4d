// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * What was seen of a guest.
 *
 * @param totalBytes its memory
 * @param zeroShare what share of its pages holds zeros only, from 0 to 1
 * @param curve what it writes
 * @param vcpus how many vCPUs do that
 */
public record GuestProfile(long totalBytes, Estimate zeroShare, DirtyCurve curve, int vcpus) {
    /** Checks ranges. */
    public GuestProfile {
        if (totalBytes <= 0 || vcpus <= 0) {
            throw new IllegalArgumentException(
                    "a guest has memory and vCPUs, not " + totalBytes + " bytes and " + vcpus + " vCPUs");
        }
        if (zeroShare.low() < 0 || zeroShare.high() > 1) {
            throw new IllegalArgumentException("a share of zero pages is from 0 to 1, not " + zeroShare);
        }
    }
}
