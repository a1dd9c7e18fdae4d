// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;

/**
 * Cuts the connection of a postcopy once, in the middle, as a broken network would, and mends it as an operator would.
 */
final class DemoCut implements MigrationRun.Recovery {
    private enum Stage {
        WHOLE,
        CUT,
        MENDED,
        TOO_LATE
    }

    private final QmpClient source;
    private final QmpClient destination;
    private final DemoWire wire;
    private Stage stage = Stage.WHOLE;
    private long missingAtFirst;

    DemoCut(QmpClient source, QmpClient destination, DemoWire wire) {
        this.source = source;
        this.destination = destination;
        this.wire = wire;
    }

    @Override
    public void look(MigrationSample sample) {
        switch (stage) {
            case WHOLE -> {
                if (sample.status().equals("postcopy-active") && isInTheMiddle(sample)) {
                    cut();
                } else if (sample.isPaused()) {
                    // Something else was faster.
                    stage = Stage.CUT;
                }
            }
            case CUT -> {
                if (sample.isPaused() && destinationIsPaused()) {
                    String uri = wire.listen("migrate-recover");
                    source.execute("migrate", Json.object().put("uri", uri).put("resume", true), Addresses.PATIENCE);
                    stage = Stage.MENDED;
                }
            }
            case MENDED, TOO_LATE -> {}
        }
    }

    /** What to tell when it is over. */
    String outcome() {
        return switch (stage) {
            case MENDED -> "The connection was cut with migrate-pause and mended with migrate-recover and migrate -r.";
            case CUT -> "The connection was cut and not mended.";
            case WHOLE, TOO_LATE -> "The memory had arrived before the connection could be cut.";
        };
    }

    private boolean isInTheMiddle(MigrationSample sample) {
        long missing = sample.faults().map(FaultSample::missingPages).orElse(0L);
        missingAtFirst = Math.max(missingAtFirst, missing);
        return missing < missingAtFirst;
    }

    private void cut() {
        try {
            source.execute("migrate-pause", Addresses.PATIENCE);
            stage = Stage.CUT;
        } catch (QmpException e) {
            stage = Stage.TOO_LATE;
        }
    }

    private boolean destinationIsPaused() {
        return MigrationSample.of(destination.execute("query-migrate", Addresses.PATIENCE))
                .isPaused();
    }
}
