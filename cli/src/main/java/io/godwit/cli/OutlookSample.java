// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a Godwit says of the end.
 *
 * @param verdict will-finish, will-not-finish or uncertain
 * @param timeLeftMillis the most likely time; -1 if it may never end
 * @param reason a sentence
 * @param help which settings would let it finish
 * @param choice what autopilot has chosen
 */
record OutlookSample(
        String verdict, long timeLeftMillis, String reason, Optional<String> help, Optional<String> choice) {
    static Optional<OutlookSample> of(JsonNode forecast) {
        return forecast.isObject()
                ? Optional.of(new OutlookSample(
                        forecast.path("verdict").asString(""),
                        forecast.path("time-left").asLong(-1),
                        forecast.path("reason").asString(""),
                        Optional.ofNullable(forecast.path("help").asString(null)),
                        Optional.ofNullable(forecast.path("choice").asString(null))))
                : Optional.empty();
    }

    /** In a few words. */
    String text() {
        return switch (verdict) {
            case "will-finish" ->
                timeLeftMillis < 0 ? "will finish" : String.format(Locale.ROOT, "ends in %.1f s", timeLeftMillis / 1e3);
            case "will-not-finish" -> "will not finish";
            default -> "end uncertain";
        };
    }

    /** The reason, unless all is well, and what was chosen or would help. */
    String sentence() {
        String why = verdict.equals("will-finish") ? "" : reason;
        String more =
                choice.orElse(help.map(one -> "What would help: " + one + ".").orElse(""));
        return (why + " " + more).strip();
    }

    /** As a member of a line of {@code --json}. */
    ObjectNode toJson() {
        ObjectNode answer = Json.object().put("verdict", verdict).put("reason", reason);
        if (timeLeftMillis >= 0) {
            answer.put("timeLeftMillis", timeLeftMillis);
        }
        help.ifPresent(one -> answer.put("help", one));
        choice.ifPresent(one -> answer.put("choice", one));
        return answer;
    }
}
