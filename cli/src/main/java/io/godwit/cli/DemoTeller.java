// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.machines.client.ClientFigures;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import tools.jackson.databind.node.ObjectNode;

/** Says what happens in a demonstration of COLO: sentences for people, one JSON object a line for programs. */
record DemoTeller(boolean json, PrintWriter out) {
    /** For the way to protection. */
    ProgressView view() {
        return Terminal.view(json, out);
    }

    /** A sentence; programs are not told it. */
    void say(String sentence) {
        if (!json) {
            out.println(sentence);
            out.flush();
        }
    }

    /** How the clients and the primary get on. */
    void show(ClientFigures clients, ColoSample primary) {
        if (json) {
            ObjectNode line = Json.object()
                    .put("status", "colo")
                    .put("seconds", clients.nanos() / 1e9)
                    .put("answers", clients.answers())
                    .put("longestGapNanos", clients.longestGapNanos());
            line.set("colo", primary.toJson());
            out.println(new String(Json.write(line), StandardCharsets.UTF_8));
        } else {
            out.println(String.format(
                    Locale.ROOT,
                    "  %4.1f s  %,7d answers, longest gap %s; %s",
                    clients.nanos() / 1e9,
                    clients.answers(),
                    TimeSpan.text(clients.longestGapNanos()),
                    primary.text()));
        }
        out.flush();
    }
}
