// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.engine.outcome.MigrationException;
import java.util.Optional;

/** What to do about a postcopy that lost its connection, in words and commands. */
final class PausedPostcopy {
    private PausedPostcopy() {}

    /**
     * What happened and what to type next.
     *
     * @param source where the source answers QMP
     * @param destination where the destination does, if that is known
     * @param uri where the migration went
     */
    static String advice(MigrationSample last, String source, Optional<String> destination, String uri) {
        String nl = System.lineSeparator();
        String reason = last.error().map(error -> ": " + error).orElse("");
        String there = destination.orElse("DESTINATION-QMP");
        return MigrationException.withFullStop("The migration is paused" + reason)
                + " Keep both sides: the guest is at the destination, and what it lacks of its memory is at the "
                + "source. To go on:"
                + nl
                + "  godwit migrate --recover --qmp " + quoted(there) + " " + quoted(uri) + nl
                + "  godwit migrate --resume --qmp " + quoted(source) + " " + quoted(uri);
    }

    /** The word as a shell takes it. */
    static String quoted(String word) {
        return word.matches("[A-Za-z0-9_:./,=@%+-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
