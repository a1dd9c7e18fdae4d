// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.List;
import java.util.function.Predicate;

/** When the guest of a demonstration moves: after its memory, before it, or in between. */
enum DemoMode {
    /** After its memory. */
    PRECOPY,
    /** Before its memory. */
    POSTCOPY,
    /** After one pass over its memory; what it wrote meanwhile follows. */
    HYBRID;

    /** What must be on at both sides. */
    List<String> capabilities() {
        return switch (this) {
            case PRECOPY -> List.of();
            case POSTCOPY, HYBRID -> List.of("postcopy-ram", "postcopy-preempt");
        };
    }

    /** Parameters for when the user names no other value. */
    void arrange(Settings settings) {
        switch (this) {
            case PRECOPY, POSTCOPY -> {}
            case HYBRID -> settings.setDefault("postcopy-after-passes", "1");
        }
    }

    /** Whether it is time for {@code migrate-start-postcopy}; in hybrid mode the source decides by its parameter. */
    Predicate<MigrationSample> startsPostcopy() {
        return _ -> this == POSTCOPY;
    }

    boolean isPostcopy() {
        return this != PRECOPY;
    }
}
