// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** A machine with all that a host has around it, for programs that embed Godwit; knows neither QMP nor JSON. */
module io.godwit.host {
    requires transitive io.godwit.engine;
    requires transitive io.godwit.machines;
    requires static org.jspecify;

    exports io.godwit.host;
    exports io.godwit.host.arbiter;

    uses io.godwit.engine.arbiter.ArbiterProvider;
}
