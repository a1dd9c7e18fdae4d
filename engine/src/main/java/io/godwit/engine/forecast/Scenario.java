// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.forecast;

/** Which end of the error bars a simulated migration lives in. */
public enum Scenario {
    /** The guest writes as little, and the wire carries as much, as can be believed. */
    OPTIMISTIC(1.0),
    /** The most likely course. */
    LIKELY(0.99),
    /** The guest writes as much, and the wire carries as little, as must be feared. */
    PESSIMISTIC(0.92);

    private final double bandwidthShare;

    Scenario(double bandwidthShare) {
        this.bandwidthShare = bandwidthShare;
    }

    /** What of the promised bandwidth is there for pages. */
    double bandwidthShare() {
        return bandwidthShare;
    }

    /** The value of something that is the worse the more there is of it. */
    public double of(Estimate burden) {
        return switch (this) {
            case OPTIMISTIC -> burden.low();
            case LIKELY -> burden.best();
            case PESSIMISTIC -> burden.high();
        };
    }

    /** The value of something that is the better the more there is of it. */
    public double ofRelief(Estimate relief) {
        return switch (this) {
            case OPTIMISTIC -> relief.high();
            case LIKELY -> relief.best();
            case PESSIMISTIC -> relief.low();
        };
    }
}
