// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.List;
import java.util.function.Predicate;

/** When the guest of a demonstration moves: after its memory, before it, in between, or not at all. */
enum DemoMode {
    /** After its memory. */
    PRECOPY,
    /** Before its memory. */
    POSTCOPY,
    /** After one pass over its memory; what it wrote meanwhile follows. */
    HYBRID,
    /** Not at all: a secondary runs the same guest, and takes the primary's place when that dies. */
    COLO;

    /** What must be on at both sides. */
    List<String> capabilities() {
        return switch (this) {
            case PRECOPY -> List.of();
            case COLO -> List.of(Protecting.CAPABILITY);
            case POSTCOPY, HYBRID -> List.of("postcopy-ram", "postcopy-preempt");
        };
    }

    /** Parameters for when the user names no other value. */
    void arrange(Settings settings) {
        switch (this) {
            case PRECOPY, POSTCOPY, COLO -> {}
            case HYBRID -> settings.setDefault("postcopy-after-passes", "1");
        }
    }

    /** Whether it is time for {@code migrate-start-postcopy}; in hybrid mode the source decides by its parameter. */
    Predicate<MigrationSample> startsPostcopy() {
        return _ -> this == POSTCOPY;
    }

    boolean isPostcopy() {
        return this == POSTCOPY || this == HYBRID;
    }
}
