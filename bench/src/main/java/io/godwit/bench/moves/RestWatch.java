// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * Tells when a migration will not end by itself: when for some passes the rest at their beginnings has not become
 * clearly less than it was before them. Who asks shall wait besides until the migration is late by its forecast.
 */
final class RestWatch {
    private static final int PASSES = 5;
    private static final double CLEARLY_LESS = 0.95;

    /** What there was to send at the beginning of each pass after the first. */
    private final List<Double> rests = new ArrayList<>();

    private int pass;

    /** Takes what query-migrate says of a running migration. */
    void look(JsonNode queryMigrate) {
        JsonNode ram = queryMigrate.path("ram");
        int now = ram.path("dirty-sync-count").asInt();
        if (now > pass && now > 1) {
            rests.add(ram.path("remaining").asDouble());
        }
        pass = Math.max(pass, now);
    }

    /** Whether the rest stays where it is. */
    boolean isStuck() {
        int before = rests.size() - PASSES;
        return before > 0
                && Collections.min(rests.subList(before, rests.size()))
                        >= CLEARLY_LESS * Collections.min(rests.subList(0, before));
    }

    /** In MiB, for a reader. */
    @Override
    public String toString() {
        return rests.stream().map(rest -> Math.round(rest / (1 << 20))).toList() + " MiB left";
    }
}
