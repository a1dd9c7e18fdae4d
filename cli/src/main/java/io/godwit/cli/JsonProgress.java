// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import tools.jackson.databind.node.ObjectNode;

/** One JSON object a line, for programs. */
final class JsonProgress implements ProgressView {
    private static final Duration INTERVAL = Duration.ofMillis(250);

    private final PrintWriter out;
    private MigrationSample last = MigrationSample.of(Json.object());

    JsonProgress(PrintWriter out) {
        this.out = out;
    }

    @Override
    public Duration interval() {
        return INTERVAL;
    }

    @Override
    public void show(MigrationSample sample) {
        last = sample;
        write(sample.toJson());
    }

    /** The last figures again, with the sentence as {@code note}. */
    @Override
    public void note(String sentence) {
        write(last.toJson().put("note", sentence));
    }

    @Override
    public void end(MigrationSample last) {
        show(last);
    }

    private void write(ObjectNode line) {
        out.println(new String(Json.write(line), StandardCharsets.UTF_8));
        out.flush();
    }
}
