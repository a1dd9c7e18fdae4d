// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.control.Json;
import org.junit.jupiter.api.Test;

class OutlookSampleTest {
    @Test
    void aQemuForeseesNothing() {
        assertThat(OutlookSample.of(Json.parse("{}").path("x-forecast"))).isEmpty();
    }

    @Test
    void whatEndsNeedsNoReason() {
        OutlookSample outlook = OutlookSample.of(
                        Json.parse("{\"verdict\":\"will-finish\",\"reason\":\"It ends.\",\"time-left\":1500}"))
                .orElseThrow();
        assertThat(outlook.text()).isEqualTo("ends in 1.5 s");
        assertThat(outlook.sentence()).isEmpty();
    }

    @Test
    void whatDoesNotEndSaysWhyAndWhatWouldHelp() {
        OutlookSample outlook = OutlookSample.of(
                        Json.parse("{\"verdict\":\"will-not-finish\",\"reason\":\"Too fast.\",\"help\":\"this\"}"))
                .orElseThrow();
        assertThat(outlook.text()).isEqualTo("will not finish");
        assertThat(outlook.sentence()).isEqualTo("Too fast. What would help: this.");
    }
}
