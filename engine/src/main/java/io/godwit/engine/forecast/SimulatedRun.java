// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * One migration as it went in virtual time.
 *
 * @param finished whether it came to its end; if not, the figures are those of the moment at which it was given up
 * @param totalNanos from the first byte to the end
 * @param bytes over the wire
 * @param passes over the dirty pages
 * @param downtimeNanos how long the guest stood still; infinite if it never came to that
 * @param slowdown what share of its work the guest lost
 * @param faults pages that it waited for
 * @param lastPassNanos how long the last pass took
 * @param restPages what it left
 */
public record SimulatedRun(
        boolean finished,
        double totalNanos,
        double bytes,
        int passes,
        double downtimeNanos,
        double slowdown,
        double faults,
        double lastPassNanos,
        double restPages) {}
