// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.testkit.peer;

import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import java.util.function.IntConsumer;

/** Hears of nothing but the passes. */
public record Passes(IntConsumer then) implements MigrationListener {
    @Override
    public void statusChanged(MigrationStatus status) {}

    @Override
    public void passStarted(int pass) {
        then.accept(pass);
    }
}
