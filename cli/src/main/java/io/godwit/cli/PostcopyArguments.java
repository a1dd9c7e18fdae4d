// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpClient;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * When a migration shall become postcopy, as {@code migrate} takes it. Each of the options switches {@code
 * postcopy-ram} on.
 */
final class PostcopyArguments {
    @Option(names = "--postcopy", description = "Let the guest run at the destination at once; its memory follows.")
    private boolean atOnce;

    @Option(
            names = "--postcopy-after-passes",
            paramLabel = "N",
            description = "The same after N passes over the memory.")
    private @Nullable Long afterPasses;

    @Option(names = "--postcopy-start-time", paramLabel = "MS", description = "The same after that many milliseconds.")
    private @Nullable Long startTimeMillis;

    @Option(
            names = "--preempt",
            description = "Send pages that the guest waits for on a connection of their own (postcopy-preempt).")
    private boolean preempt;

    /** Whether any of the options was given. */
    boolean areGiven() {
        return atOnce || afterPasses != null || startTimeMillis != null || preempt;
    }

    /** What must be on at both sides. */
    List<String> capabilities() {
        List<String> names = new ArrayList<>();
        if (areGiven()) {
            names.add("postcopy-ram");
        }
        if (preempt) {
            names.add("postcopy-preempt");
        }
        return names;
    }

    /**
     * Leaves the moment to a source that can choose it; for one that cannot, as QEMU, says when to tell it.
     *
     * @return whether it is time to tell it
     */
    Predicate<MigrationSample> arrange(QmpClient source, Settings settings) {
        Predicate<MigrationSample> due = _ -> atOnce;
        OptionalLong passes = afterPasses == null ? OptionalLong.empty() : OptionalLong.of(afterPasses);
        OptionalLong millis = startTimeMillis == null ? OptionalLong.empty() : OptionalLong.of(startTimeMillis);
        if (source.isGodwit()) {
            passes.ifPresent(n -> settings.setDefault("postcopy-after-passes", Long.toString(n)));
            millis.ifPresent(n -> settings.setDefault("postcopy-start-time", Long.toString(n)));
            return due;
        }
        return due.or(sample -> passes.isPresent() && sample.pass() > passes.getAsLong())
                .or(sample -> millis.isPresent() && sample.totalTimeMillis() >= millis.getAsLong());
    }
}
