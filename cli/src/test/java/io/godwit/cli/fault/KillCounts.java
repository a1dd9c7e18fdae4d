// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.fault;

import io.godwit.machines.client.ClientFigures;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Who was killed and when, and how long clients waited then. */
final class KillCounts {
    /** When. */
    enum When {
        ARRIVING("before protection began"),
        ANY_TIME("at any time"),
        IN_STREAM("inside a checkpoint that was not whole"),
        RECEIVED("inside a checkpoint that was whole and not loaded");

        private final String words;

        When(String words) {
            this.words = words;
        }

        boolean isInside() {
            return this == IN_STREAM || this == RECEIVED;
        }
    }

    private record Kill(boolean ofPrimary, When when, double gapMillis) {}

    private final List<Kill> kills = new ArrayList<>();

    void add(boolean ofPrimary, When when, String detail, ClientFigures figures) {
        Kill kill = new Kill(ofPrimary, when, figures.longestGapNanos() / 1e6);
        kills.add(kill);
        System.out.printf(
                Locale.ROOT,
                "kill %d, of the %s, %s%s: longest gap without an answer %.0f ms%n",
                kills.size(),
                side(ofPrimary),
                when.words,
                detail,
                kill.gapMillis);
    }

    private static String side(boolean isPrimary) {
        return isPrimary ? "primary" : "secondary";
    }

    private long count(When when) {
        return kills.stream().filter(kill -> kill.when == when).count();
    }

    long inside() {
        return kills.stream().filter(kill -> kill.when.isInside()).count();
    }

    /** All of it in a few lines. */
    String summary(ClientFigures figures) {
        StringBuilder lines = new StringBuilder("%d kills, %d inside checkpoints%n".formatted(kills.size(), inside()));
        for (When when : When.values()) {
            lines.append("  %d %s%n".formatted(count(when), when.words));
        }
        for (boolean ofPrimary : List.of(true, false)) {
            List<Double> gaps = kills.stream()
                    .filter(kill -> kill.ofPrimary == ofPrimary)
                    .map(Kill::gapMillis)
                    .sorted()
                    .toList();
            if (!gaps.isEmpty()) {
                lines.append(String.format(
                        Locale.ROOT,
                        "  %d of the %s: longest gap without an answer p50 %.0f p99 %.0f max %.0f ms%n",
                        gaps.size(),
                        side(ofPrimary),
                        gaps.get(gaps.size() / 2),
                        gaps.get(gaps.size() * 99 / 100),
                        gaps.getLast()));
            }
        }
        lines.append("  %d answers checked, %d of an old host refused; %d lost, doubled or wrong%n"
                .formatted(
                        figures.answers(),
                        figures.refusedAnswers(),
                        figures.findings().size()));
        return lines.append(figures.findings().stream().collect(Collectors.joining("\n")))
                .toString();
    }
}
