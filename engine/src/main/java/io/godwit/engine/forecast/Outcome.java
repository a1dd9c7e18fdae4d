// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * What will come of one way to move the guest.
 *
 * @param totalNanos until the destination needs the source no more
 * @param bytes over the wire
 * @param passes over the dirty pages
 * @param downtimeNanos how long the guest stands still
 * @param slowdown what share of its work the guest loses meanwhile, from 0 to 1
 * @param faults pages that the guest will wait for at the destination
 */
public record Outcome(
        Method method,
        Verdict verdict,
        Estimate totalNanos,
        Estimate bytes,
        Estimate passes,
        Estimate downtimeNanos,
        Estimate slowdown,
        Estimate faults) {}
