// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** What tests of several modules are made of: a simulated world for the engine. No part of the product. */
module io.godwit.testkit {
    requires transitive io.godwit.engine;
    // Tests of simulations turn logging off.
    requires java.logging;
    requires static org.jspecify;

    exports io.godwit.testkit.simulation;
}
