// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.engine.outgoing.precopy;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** JFR: what a running migration says of its end has changed. */
@Name("io.godwit.Forecast")
@Label("Forecast")
@Category({"Godwit", "Precopy"})
@StackTrace(false)
final class ForecastEvent extends Event {
    @Label("Verdict")
    String verdict = "";

    @Label("Why")
    String why = "";

    @Label("Choice")
    String choice = "";
}
