// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RehearsalTest {
    @Test
    void aRehearsalGoesAllTheWayOfARestore() throws InterruptedException {
        Rehearsal rehearsal = Rehearsal.begin();
        RestoreFigures figures = rehearsal.figures().orElseThrow();
        assertThat(figures.pages() + figures.zeroPages()).isEqualTo(Rehearsal.PAGES);
        assertThat(figures.requests()).isEqualTo(1);
        assertThat(figures.recoveries()).isZero();
    }
}
