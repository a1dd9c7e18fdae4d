// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.control;

import io.godwit.engine.tracking.DirtyRate;
import io.godwit.engine.tracking.DirtyRate.Figures;
import io.godwit.engine.tracking.DirtyRate.Stage;
import io.godwit.engine.tracking.DirtyRateMode;
import io.godwit.engine.tracking.DirtyRateRequest;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code calc-dirty-rate} and {@code query-dirty-rate}. */
final class DirtyRateWords {
    private static final int MEBIBYTE_SHIFT = 20;

    private enum TimeWord {
        SECOND(TimeUnit.SECONDS),
        MILLISECOND(TimeUnit.MILLISECONDS);

        private final TimeUnit unit;

        TimeWord(TimeUnit unit) {
            this.unit = unit;
        }

        String publicName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private DirtyRateWords() {}

    /**
     * What is to be measured.
     *
     * @throws QmpException for arguments of the wrong type or name
     * @throws io.godwit.engine.outcome.MigrationException.Refused for those out of range
     */
    static DirtyRateRequest request(QmpArguments arguments) {
        long time = arguments
                .optionalInteger("calc-time")
                .orElseThrow(() -> QmpException.generic("Parameter 'calc-time' is missing"));
        TimeWord word = timeWord(arguments);
        DirtyRateMode mode = arguments
                .optionalString("mode")
                .map(name -> DirtyRateMode.named(name).orElseThrow(() -> notAccepted("mode", name)))
                .orElse(DirtyRateMode.PAGE_SAMPLING);
        long samplePages = arguments
                .optionalInteger("sample-pages")
                .orElse(mode == DirtyRateMode.PAGE_SAMPLING ? DirtyRateRequest.DEFAULT_SAMPLE_PAGES : 0);
        List<Long> intervals = arguments.optionalIntegers("x-intervals").orElse(List.of());
        return new DirtyRateRequest(mode, word.unit.toMillis(time), samplePages, intervals);
    }

    /** {@code query-dirty-rate}. */
    static ObjectNode answer(QmpArguments arguments, DirtyRate rate) {
        TimeWord word = timeWord(arguments);
        ObjectNode answer = Json.object()
                .put("status", status(rate.stage()))
                .put("sample-pages", rate.samplePages())
                .put("mode", rate.mode().publicName())
                .put("calc-time-unit", word.publicName())
                .put("start-time", rate.startEpochSeconds())
                .put("calc-time", word.unit.convert(rate.calcMillis(), TimeUnit.MILLISECONDS));
        switch (rate.stage()) {
            case Stage.Unstarted(Optional<String> reason) -> reason.ifPresent(why -> answer.put("x-reason", why));
            case Stage.Measuring _ -> {}
            case Stage.Measured(Figures figures, Optional<String> reason) -> {
                addFigures(answer, figures);
                reason.ifPresent(why -> answer.put("x-reason", why));
            }
        }
        return answer;
    }

    private static String status(Stage stage) {
        return switch (stage) {
            case Stage.Unstarted _ -> "unstarted";
            case Stage.Measuring _ -> "measuring";
            case Stage.Measured _ -> "measured";
        };
    }

    private static void addFigures(ObjectNode answer, Figures figures) {
        answer.put("dirty-rate", figures.bytesPerSecond() >> MEBIBYTE_SHIFT);
        if (!figures.vcpuBytesPerSecond().isEmpty()) {
            ArrayNode vcpus = answer.putArray("vcpu-dirty-rate");
            for (long bytesPerSecond : figures.vcpuBytesPerSecond()) {
                vcpus.add(Json.object().put("id", vcpus.size()).put("dirty-rate", bytesPerSecond >> MEBIBYTE_SHIFT));
            }
        }
        if (!figures.curve().isEmpty()) {
            ArrayNode curve = answer.putArray("x-dirty-curve");
            for (DirtyRate.CurvePoint point : figures.curve()) {
                curve.add(Json.object()
                        .put("interval", point.intervalMillis())
                        .put("elapsed-nanos", point.elapsedNanos())
                        .put("pages", point.pages()));
            }
        }
        figures.zeroShare().ifPresent(share -> answer.put("x-zero-share", share));
    }

    private static TimeWord timeWord(QmpArguments arguments) {
        return arguments
                .optionalString("calc-time-unit")
                .map(name -> switch (name) {
                    case "second" -> TimeWord.SECOND;
                    case "millisecond" -> TimeWord.MILLISECOND;
                    default -> throw notAccepted("calc-time-unit", name);
                })
                .orElse(TimeWord.SECOND);
    }

    private static QmpException notAccepted(String name, String value) {
        return QmpException.generic("Parameter '" + name + "' does not accept value '" + value + "'");
    }
}
