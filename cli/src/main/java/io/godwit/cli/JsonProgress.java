// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** One JSON object a line, for programs. */
final class JsonProgress implements ProgressView {
    private static final Duration INTERVAL = Duration.ofMillis(250);

    private final PrintWriter out;

    JsonProgress(PrintWriter out) {
        this.out = out;
    }

    @Override
    public Duration interval() {
        return INTERVAL;
    }

    @Override
    public void show(MigrationSample sample) {
        out.println(new String(Json.write(sample.toJson()), StandardCharsets.UTF_8));
        out.flush();
    }

    @Override
    public void end(MigrationSample last) {
        show(last);
    }
}
