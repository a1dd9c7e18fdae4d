// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.engine.forecast.Advice;
import io.godwit.engine.forecast.Conditions;
import io.godwit.engine.forecast.Forecast;
import io.godwit.engine.forecast.GuestProfile;
import io.godwit.engine.forecast.Link;
import io.godwit.engine.forecast.Method;
import io.godwit.engine.forecast.Outcome;
import java.util.ArrayList;
import java.util.List;

/** Shows a forecast. */
interface ForecastView {
    /** What can be said of plain precopy after the first look. */
    void early(Outcome precopy);

    /** What can be said at the end. */
    void show(Told told);

    /**
     * What a forecast was made from.
     *
     * @param qmp where the source answers
     * @param knowsZeroPages whether the share of zero pages was measured
     */
    record Told(String qmp, GuestProfile profile, boolean knowsZeroPages, Link link, Conditions conditions) {
        Forecast forecast() {
            return Forecast.of(profile, link, conditions);
        }

        Advice advice(Forecast forecast) {
            return Advice.of(forecast, link, conditions);
        }

        /** What to type to follow the advice. */
        String command(Advice advice) {
            List<String> words = new ArrayList<>(List.of("godwit migrate --qmp", qmp));
            advice.parameters().forEach((name, value) -> words.add("--set " + name + "=" + size(value)));
            if (advice.method() == Method.PRECOPY_THEN_POSTCOPY) {
                words.add("--destination DESTINATION-QMP --postcopy-after-passes 1 --preempt");
            } else {
                advice.capabilities().forEach(name -> words.add("--cap " + name));
            }
            words.add("URI");
            return String.join(" ", words);
        }

        private static String size(long value) {
            if (value >= 1 << 30 && value % (1 << 30) == 0) {
                return (value >> 30) + "G";
            }
            return value >= 1 << 20 && value % (1 << 20) == 0 ? (value >> 20) + "M" : Long.toString(value);
        }
    }
}
