// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.godwit.engine.tracking.DirtyRate;
import io.godwit.engine.tracking.DirtyRate.CurvePoint;
import io.godwit.engine.tracking.DirtyRate.Figures;
import io.godwit.engine.tracking.DirtyRate.Stage;
import io.godwit.engine.tracking.DirtyRateMode;
import io.godwit.engine.tracking.DirtyRateRequest;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

class QmpDirtyRateTest extends QmpLab {
    @Test
    void theArgumentsReachTheHostAndDefaultsAreQemus() throws IOException {
        for (String arguments : List.of(
                "{'calc-time':1}",
                "{'calc-time':50,'calc-time-unit':'millisecond','sample-pages':16384,'mode':'page-sampling'}",
                "{'calc-time':60,'calc-time-unit':'second','mode':'dirty-ring'}",
                "{'calc-time':2,'mode':'dirty-bitmap','x-intervals':[10,100,2000]}")) {
            assertThat(ask("{'execute':'calc-dirty-rate','arguments':" + arguments + "}"))
                    .as(arguments)
                    .isEqualTo(Json.parse("{\"return\":{}}"));
        }
        assertThat(host.calls)
                .containsExactly(
                        new DirtyRateRequest(DirtyRateMode.PAGE_SAMPLING, 1000, 512, List.of()).toString(),
                        new DirtyRateRequest(DirtyRateMode.PAGE_SAMPLING, 50, 16_384, List.of()).toString(),
                        new DirtyRateRequest(DirtyRateMode.DIRTY_RING, 60_000, 0, List.of()).toString(),
                        new DirtyRateRequest(DirtyRateMode.DIRTY_BITMAP, 2000, 0, List.of(10L, 100L, 2000L))
                                .toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
            {}                                              | Parameter 'calc-time' is missing
            {'calc-time':'a'}                               | Invalid parameter type for 'calc-time', expected: integer
            {'calc-time':1.5}                               | Invalid parameter type for 'calc-time', expected: integer
            {'calc-time':99999999999999999999}              | Invalid parameter type for 'calc-time', expected: integer
            {'calc-time':0}                                 | calc-time is 0 ms: must be from 50 to 60000
            {'calc-time':-1}                                | calc-time is -1000 ms
            {'calc-time':61}                                | calc-time is 61000 ms
            {'calc-time':9223372036854775807}               | calc-time is 9223372036854775807 ms
            {'calc-time':49,'calc-time-unit':'millisecond'} | calc-time is 49 ms
            {'calc-time':1,'calc-time-unit':'hour'}         | Parameter 'calc-time-unit' does not accept value 'hour'
            {'calc-time':1,'calc-time-unit':5} | Invalid parameter type for 'calc-time-unit', expected: string
            {'calc-time':1,'mode':'guess'}                  | Parameter 'mode' does not accept value 'guess'
            {'calc-time':1,'sample-pages':127} | sample-pages is 127 for each GiB: must be from 128 to 16384
            {'calc-time':1,'sample-pages':true} | Invalid parameter type for 'sample-pages', expected: integer
            {'calc-time':1,'mode':'dirty-ring','sample-pages':512} | sample-pages is for the mode page-sampling
            {'calc-time':1,'x-intervals':[1]} | x-intervals is for the mode dirty-bitmap, not for page-sampling
            {'calc-time':1,'mode':'dirty-bitmap','x-intervals':1} | Invalid parameter type for 'x-intervals', \
            expected: array
            {'calc-time':1,'mode':'dirty-bitmap','x-intervals':['a']} | Invalid parameter type for 'x-intervals[]', \
            expected: integer
            {'calc-time':1,'mode':'dirty-bitmap','x-intervals':[1001]} | x-intervals has 1001 ms after 0 ms
            {'calc-time':1,'mode':'dirty-bitmap','x-intervals':[2,1]} | x-intervals has 1 ms after 2 ms
            {'calc-time':1,'fast':true}                     | Parameter 'fast' is unexpected
            """)
    void whatIsWrongIsSaidAndNothingIsMeasured(String arguments, String sentence) throws IOException {
        JsonNode error = ask("{'execute':'calc-dirty-rate','arguments':" + arguments + "}")
                .path("error");
        assertThat(error.path("class").asString()).isEqualTo("GenericError");
        assertThat(error.path("desc").asString()).contains(sentence);
        assertThat(host.calls).isEmpty();
    }

    @Test
    void aQueryTakesAUnitAndNothingElse() throws IOException {
        assertThat(ask("{'execute':'query-dirty-rate','arguments':{'calc-time-unit':'hour'}}")
                        .path("error")
                        .path("desc")
                        .asString())
                .isEqualTo("Parameter 'calc-time-unit' does not accept value 'hour'");
        assertThat(ask("{'execute':'query-dirty-rate','arguments':{'mode':'dirty-ring'}}")
                        .path("error")
                        .path("desc")
                        .asString())
                .isEqualTo("Parameter 'mode' is unexpected");
    }

    private JsonNode query(String arguments) throws IOException {
        return ask("{'execute':'query-dirty-rate','arguments':" + arguments + "}")
                .path("return");
    }

    @Test
    void beforeAMeasurementTheAnswerIsQemus() throws IOException {
        assertThat(query("{}"))
                .isEqualTo(Json.parse("{\"status\":\"unstarted\",\"sample-pages\":0,\"mode\":\"page-sampling\","
                        + "\"calc-time-unit\":\"second\",\"start-time\":0,\"calc-time\":0}"));
    }

    @Test
    void whileMeasuringThereIsNoRate() throws IOException {
        host.dirtyRate = new DirtyRate(new Stage.Measuring(), 1_795_646_894, 1500, 512, DirtyRateMode.PAGE_SAMPLING);
        assertThat(query("{}"))
                .isEqualTo(Json.parse("{\"status\":\"measuring\",\"sample-pages\":512,\"mode\":\"page-sampling\","
                        + "\"calc-time-unit\":\"second\",\"start-time\":1795646894,\"calc-time\":1}"));
        assertThat(query("{'calc-time-unit':'millisecond'}").path("calc-time").asLong())
                .isEqualTo(1500);
    }

    @Test
    void ringsTellTheRateOfEachVcpuInMebibytes() throws IOException {
        host.dirtyRate = measured(
                DirtyRateMode.DIRTY_RING,
                new Figures(22 << 20, List.of((20 << 20) + 1L, 2L << 20), List.of(), OptionalDouble.empty()));
        JsonNode answer = query("{}");
        assertThat(answer.path("dirty-rate").asLong()).isEqualTo(22);
        assertThat(answer.path("vcpu-dirty-rate"))
                .isEqualTo(Json.parse("[{\"id\":0,\"dirty-rate\":20},{\"id\":1,\"dirty-rate\":2}]"));
        assertThat(answer.propertyNames())
                .containsExactlyInAnyOrder(
                        "status",
                        "sample-pages",
                        "mode",
                        "calc-time-unit",
                        "start-time",
                        "calc-time",
                        "dirty-rate",
                        "vcpu-dirty-rate",
                        "x-reason");
        assertThat(answer.path("x-reason").asString()).isEqualTo("a migration began");
    }

    @Test
    void theCurveAndTheZeroShareAreGodwitsOwn() throws IOException {
        host.dirtyRate = measured(
                DirtyRateMode.DIRTY_BITMAP,
                new Figures(1, List.of(), List.of(new CurvePoint(10, 10_200_000, 77)), OptionalDouble.empty()));
        assertThat(query("{}").path("x-dirty-curve"))
                .isEqualTo(Json.parse("[{\"interval\":10,\"elapsed-nanos\":10200000,\"pages\":77}]"));
        host.dirtyRate =
                measured(DirtyRateMode.PAGE_SAMPLING, new Figures(1, List.of(), List.of(), OptionalDouble.of(0.25)));
        assertThat(query("{}").path("x-zero-share").asDouble()).isEqualTo(0.25);
        assertThat(query("{}").path("dirty-rate").asLong(-1)).isZero();
    }

    private static DirtyRate measured(DirtyRateMode mode, Figures figures) {
        return new DirtyRate(new Stage.Measured(figures, Optional.of("a migration began")), 1, 1000, 0, mode);
    }
}
