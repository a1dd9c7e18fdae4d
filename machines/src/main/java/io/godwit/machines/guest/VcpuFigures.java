// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.machines.guest;

import io.godwit.engine.memory.RamBlock;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.machines.programs.BootLayout;
import io.godwit.machines.programs.ControlBlock;
import io.godwit.machines.programs.Mismatch;
import java.util.Optional;

/**
 * What a host can tell about one vCPU's program while it runs. Any thread may ask, and none waits for the guest: while
 * the page that holds the figures has yet to arrive, they are those that were seen last, or 0.
 */
final class VcpuFigures {
    private final RamBlock ram;
    private final long page;
    private final ControlBlock program;
    private volatile long workPages;
    private volatile long beats;
    private volatile long mismatches;
    private volatile Optional<Mismatch> firstMismatch = Optional.empty();
    private volatile long[] touches = new long[0];

    VcpuFigures(RamBlock ram, int vcpu) {
        this.ram = ram;
        this.page = BootLayout.controlBlockOffset(vcpu) >>> RamBlock.PAGE_SHIFT;
        this.program = ControlBlock.of(ram.memory(), vcpu);
    }

    // Whoever asks just before the page is discarded waits for it after all, but in a downcall, and the JVM goes on.
    private boolean isPresent() {
        return ram.isPresent(page);
    }

    long workPages() {
        if (isPresent()) {
            workPages = program.workPages();
        }
        return workPages;
    }

    long beats() {
        if (isPresent()) {
            beats = program.beats();
        }
        return beats;
    }

    long mismatches() {
        if (isPresent()) {
            mismatches = program.mismatches();
        }
        return mismatches;
    }

    Optional<Mismatch> firstMismatch() {
        if (isPresent()) {
            firstMismatch = program.mismatches() == 0 ? Optional.empty() : Optional.of(program.firstMismatch());
        }
        return firstMismatch;
    }

    long[] touches() {
        if (isPresent()) {
            touches = program.touches();
        }
        return touches.clone();
    }

    /** Changes the program's rate and marks what that writes. */
    void pagesPerSecond(long rate) {
        if (!isPresent()) {
            throw new MigrationException.Refused(
                    "The guest's memory is still arriving, the page that holds its rate too;"
                            + " the rate is as it was. Try again.");
        }
        program.pagesPerSecond(rate);
        ram.markHostWrite(page);
    }
}
