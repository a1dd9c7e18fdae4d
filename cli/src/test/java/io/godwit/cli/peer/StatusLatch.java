// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli.peer;

import io.godwit.engine.Migrator;
import io.godwit.engine.outcome.MigrationStatus;
import io.godwit.engine.report.MigrationListener;
import java.util.concurrent.CountDownLatch;

/** Lets a test wait for a status. */
final class StatusLatch {
    private StatusLatch() {}

    static CountDownLatch on(Migrator migrator, MigrationStatus awaited) {
        CountDownLatch latch = new CountDownLatch(1);
        migrator.addListener(new MigrationListener() {
            @Override
            public void statusChanged(MigrationStatus status) {
                if (status == awaited) {
                    latch.countDown();
                }
            }

            @Override
            public void passStarted(int pass) {}
        });
        return latch;
    }
}
