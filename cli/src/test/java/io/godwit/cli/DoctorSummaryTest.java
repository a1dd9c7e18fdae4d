// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.qemu.doctor.Finding;
import io.godwit.qemu.doctor.Severity;
import java.util.Collections;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What was found is counted in plain English. */
class DoctorSummaryTest {
    @ParameterizedTest
    @CsvSource({
        "RISK, 1, 1 risk; nothing that is seen stops a migration.",
        "RISK, 2, 2 risks; nothing that is seen stops a migration.",
        "STOPS, 1, A migration would fail: 1 finding stops it.",
        "STOPS, 3, A migration would fail: 3 findings stop it."
    })
    void oneIsNotMany(Severity severity, int count, String sentence) {
        assertThat(DoctorCommand.summary(Collections.nCopies(count, new Finding(severity, "r", "s.", "f."))))
                .isEqualTo(sentence);
    }
}
