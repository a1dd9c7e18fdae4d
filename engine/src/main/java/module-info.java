// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** The migration engine: passes, switchover, the right to run. Knows neither x86 nor KVM. */
module io.godwit.engine {
    requires transitive io.godwit.linux;
    requires transitive io.godwit.stream;
    requires jdk.jfr;
    requires static org.jspecify;

    exports io.godwit.engine;
    exports io.godwit.engine.arbiter;
    exports io.godwit.engine.environment;
    exports io.godwit.engine.forecast;
    exports io.godwit.engine.guest;
    exports io.godwit.engine.memory;
    exports io.godwit.engine.outcome;
    exports io.godwit.engine.report;
    exports io.godwit.engine.settings;
    exports io.godwit.engine.tracking;
    exports io.godwit.engine.transport;
}
