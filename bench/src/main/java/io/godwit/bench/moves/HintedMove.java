// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.bench.moves;

import io.godwit.control.Json;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/** One move of a guest that may be asked for its free pages, as fast as it goes. */
final class HintedMove {
    private HintedMove() {}

    /**
     * Moves a guest and prints how that went.
     *
     * @param asked whether it is asked
     * @param restNanos how long it runs before
     * @param millis takes what the first pass lasted
     * @param megabytes takes all that was sent
     */
    static void run(String text, List<String> guest, boolean asked, long restNanos, Series millis, Series megabytes)
            throws Exception {
        try (Host from = Host.godwit(guest);
                Host to = Host.godwit(Host.waitingFor(guest))) {
            from.capabilities("events");
            from.limit(0);
            JsonNode _ = from.ask("migrate-set-parameters", Json.object().put("x-free-page-hints", asked));
            String uri = to.listen();
            LockSupport.parkNanos(restNanos);
            Floor.warm(1024);
            from.migrate(uri);
            JsonNode figures = from.awaitEnd();
            millis.add(from.firstPassMillis());
            megabytes.add(figures.path("ram").path("transferred").asDouble() / 1e6);
            System.out.printf(
                    Locale.ROOT,
                    "%s: first pass %.0f ms, %.1f MB in all, %s%n",
                    text,
                    millis.last(),
                    megabytes.last(),
                    from.ask("x-godwit-statistics").path("free-pages"));
        }
    }
}
