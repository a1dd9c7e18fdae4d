// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/**
 * When the guest is stopped, and what that costs beside the pages; the figures are those of docs/benchmarks-history.md,
 * with room.
 */
public enum StoppingRule {
    /** Below the limit passes go on as long as they shorten the pause. */
    GODWIT,
    /** The guest is stopped as soon as the rest is expected to fit into the limit, also within a pass. */
    QEMU;

    /** Connecting, announcing, ending. */
    Estimate setupNanos() {
        return switch (this) {
            case GODWIT -> new Estimate(10e6, 60e6, 250e6);
            case QEMU -> new Estimate(5e6, 30e6, 200e6);
        };
    }

    /** The pause of a switchover with nothing left to send. */
    Estimate handoverNanos() {
        return switch (this) {
            case GODWIT -> new Estimate(2e6, 5e6, 15e6);
            case QEMU -> new Estimate(1e6, 8e6, 60e6);
        };
    }

    /** The pause of a switch to postcopy. */
    Estimate switchNanos() {
        return switch (this) {
            case GODWIT -> new Estimate(2e6, 7e6, 40e6);
            case QEMU -> new Estimate(10e6, 45e6, 150e6);
        };
    }
}
