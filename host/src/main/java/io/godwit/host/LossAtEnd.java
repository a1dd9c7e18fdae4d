// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.host;

import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.CheckpointStatistics;
import io.godwit.engine.report.MigrationStatistics;
import io.godwit.engine.report.PostcopyStatistics;
import java.util.Locale;
import java.util.Optional;

/** What a host would take with it if it ended now: in postcopy the guest needs both sides until its memory is whole. */
final class LossAtEnd {
    private LossAtEnd() {}

    /** A sentence; empty if the end of this host loses nothing but what is whole here. */
    static Optional<String> of(MigrationStatistics now) {
        if (!now.status().isPostcopy() || (!now.outgoing() && canGoBack(now))) {
            return Optional.empty();
        }
        long missing = now.postcopy().map(PostcopyStatistics::missingPages).orElse(0L);
        String where = now.outgoing()
                ? "The guest lives at the destination, and %,d of its pages are only here"
                : "The guest lives here, and %,d of its pages have yet to come from its source";
        String way = now.status() == MigrationStatus.POSTCOPY_PAUSED
                ? " 'migrate-recover' at the destination, then 'migrate' with 'resume' at the source, connects them"
                        + " again."
                : "";
        return Optional.of(String.format(
                Locale.ROOT,
                where + " (%s). If this host ends now, the guest is lost.%s",
                missing,
                now.status().publicName(),
                way));
    }

    /** With {@code postcopy-safe} the source goes on from the last whole epoch. */
    private static boolean canGoBack(MigrationStatistics now) {
        return now.postcopy()
                .flatMap(PostcopyStatistics::safety)
                .map(CheckpointStatistics::active)
                .orElse(false);
    }
}
