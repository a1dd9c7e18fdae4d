// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.qemu.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RehearsalTest {
    @Test
    void aRehearsalGoesAllTheWayOfARestore() throws InterruptedException {
        Rehearsal rehearsal = Rehearsal.begin();
        RestoreFigures figures = rehearsal.figures().orElseThrow();
        assertThat(figures.pages() + figures.zeroPages()).isEqualTo(Rehearsal.PAGES);
        assertThat(figures.requests()).isEqualTo(1);
        assertThat(figures.recoveries()).isZero();
    }

    /** Whoever reads a warning would think that a guest of worth is in trouble. */
    @Test
    void aRehearsalThatIsGivenUpEndsAndSaysNothing() throws InterruptedException {
        PrintStream before = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            for (int i = 0; i < 10; i++) {
                Rehearsal rehearsal = Rehearsal.begin();
                rehearsal.giveUp();
                var _ = rehearsal.figures();
            }
        } finally {
            System.setErr(before);
        }
        assertThat(said.toString(StandardCharsets.UTF_8)).isEmpty();
    }
}
