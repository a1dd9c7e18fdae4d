// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors

/** QMP, as server and as client. */
module io.godwit.control {
    requires transitive io.godwit.host;
    requires transitive tools.jackson.core;
    requires transitive tools.jackson.databind;
    requires static org.jspecify;

    exports io.godwit.control;
}
