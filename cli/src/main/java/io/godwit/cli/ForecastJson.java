// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.engine.forecast.Advice;
import io.godwit.engine.forecast.DirtyCurve;
import io.godwit.engine.forecast.Estimate;
import io.godwit.engine.forecast.Forecast;
import io.godwit.engine.forecast.Outcome;
import io.godwit.engine.forecast.Verdict;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A forecast for programs: what never ends is null. */
final class ForecastJson implements ForecastView {
    private final PrintWriter out;

    ForecastJson(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void early(Outcome precopy) {
        print(Json.object().put("phase", "early").set("precopy", outcome(precopy)));
    }

    @Override
    public void show(Told told) {
        Forecast forecast = told.forecast();
        ObjectNode guest = Json.object()
                .put("memoryBytes", told.profile().totalBytes())
                .put("vcpus", told.profile().vcpus())
                .put("zeroShareKnown", told.knowsZeroPages());
        guest.set("zeroShare", range(told.profile().zeroShare(), 1));
        ArrayNode curve = guest.putArray("dirtyCurve");
        for (DirtyCurve.Point point : told.profile().curve().points()) {
            ObjectNode one = Json.object().put("intervalMillis", point.intervalNanos() / 1_000_000);
            one.set("pages", range(point.pages(), 1));
            curve.add(one);
        }
        guest.set("workingSetPages", range(told.profile().curve().workingSet(), 1));
        ArrayNode outcomes = Json.array();
        forecast.outcomes().forEach(one -> outcomes.add(outcome(one)));
        Advice advice = told.advice(forecast);
        ObjectNode advised = Json.object()
                .put("method", advice.method().publicName())
                .put("why", advice.why())
                .put("command", told.command(advice));
        ArrayNode capabilities = advised.putArray("capabilities");
        advice.capabilities().forEach(capabilities::add);
        ObjectNode parameters = advised.putObject("parameters");
        advice.parameters().forEach(parameters::put);
        ObjectNode line = Json.object().put("phase", "final");
        line.set("guest", guest);
        line.set("outcomes", outcomes);
        line.set("advice", advised);
        print(line);
    }

    private static ObjectNode outcome(Outcome outcome) {
        ObjectNode node = Json.object()
                .put("method", outcome.method().publicName())
                .put("verdict", outcome.verdict().word());
        if (!(outcome.verdict() instanceof Verdict.WillFinish)) {
            node.put("reason", ForecastTable.reason(outcome.verdict()));
        }
        node.set("totalMillis", range(outcome.totalNanos(), 1e6));
        node.set("bytes", range(outcome.bytes(), 1));
        node.set("passes", range(outcome.passes(), 1));
        node.set("downtimeMillis", range(outcome.downtimeNanos(), 1e6));
        node.set("slowdown", range(outcome.slowdown(), 1));
        node.set("faults", range(outcome.faults(), 1));
        return node;
    }

    private static ObjectNode range(Estimate estimate, double unit) {
        ObjectNode node = Json.object();
        put(node, "low", estimate.low() / unit);
        put(node, "best", estimate.best() / unit);
        put(node, "high", estimate.high() / unit);
        return node;
    }

    private static void put(ObjectNode node, String name, double value) {
        if (Double.isInfinite(value)) {
            node.putNull(name);
        } else {
            node.put(name, Math.rint(value * 1000) / 1000);
        }
    }

    private void print(ObjectNode line) {
        out.println(new String(Json.write(line), StandardCharsets.UTF_8));
        out.flush();
    }
}
