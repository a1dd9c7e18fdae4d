// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.engine.forecast.Advice;
import io.godwit.engine.forecast.Estimate;
import io.godwit.engine.forecast.Forecast;
import io.godwit.engine.forecast.GuestProfile;
import io.godwit.engine.forecast.Outcome;
import io.godwit.engine.forecast.Verdict;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;

/** A forecast for people: in each cell the likely value and, in brackets, the error bars. */
final class ForecastTable implements ForecastView {
    private static final double PAGE_BYTES = 4096;
    private static final List<Long> SHOWN_MILLIS = List.of(100L, 1000L);

    private final PrintWriter out;

    ForecastTable(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void early(Outcome precopy) {
        out.println("After the first second: " + sentence(precopy.verdict()));
        out.flush();
    }

    @Override
    public void show(Told told) {
        Forecast forecast = told.forecast();
        out.println(guest(told.profile()));
        if (!told.knowsZeroPages()) {
            out.println("How many of its pages are zero this host does not tell; they might be up to 90 %.");
        }
        TextTable table = new TextTable(
                "method",
                "will finish",
                "total time",
                "over the wire",
                "passes",
                "downtime",
                "guest slowdown",
                "faults");
        for (Outcome outcome : forecast.outcomes()) {
            table.row(
                    outcome.method().publicName(),
                    word(outcome.verdict()),
                    cell(outcome.totalNanos(), nanos -> TimeSpan.text((long) nanos)),
                    cell(outcome.bytes(), bytes -> ByteSize.decimal((long) bytes)),
                    cell(outcome.passes(), passes -> String.format(Locale.ROOT, "%.0f", passes)),
                    cell(outcome.downtimeNanos(), nanos -> TimeSpan.text((long) nanos)),
                    cell(outcome.slowdown(), share -> String.format(Locale.ROOT, "%.0f %%", share * 100)),
                    cell(outcome.faults(), faults -> String.format(Locale.ROOT, "%,.0f", faults)));
        }
        table.lines().forEach(out::println);
        for (Outcome outcome : forecast.outcomes()) {
            if (!(outcome.verdict() instanceof Verdict.WillFinish)) {
                out.println(outcome.method().publicName() + ": " + reason(outcome.verdict()));
            }
        }
        Advice advice = told.advice(forecast);
        out.println("Advice: " + advice.method().publicName() + ". " + advice.why());
        out.println("  " + told.command(advice));
        out.flush();
    }

    private static String guest(GuestProfile profile) {
        StringBuilder text = new StringBuilder("The guest: ")
                .append(ByteSize.binary(profile.totalBytes()))
                .append(", ")
                .append(profile.vcpus())
                .append(profile.vcpus() == 1 ? " vCPU" : " vCPUs")
                .append(String.format(
                        Locale.ROOT,
                        ", %.0f %% zero pages; writes",
                        profile.zeroShare().best() * 100));
        for (long millis : SHOWN_MILLIS) {
            text.append(' ')
                    .append(pages(profile.curve().uniquePages(millis * 1e6)))
                    .append(" in ")
                    .append(TimeSpan.text(millis * 1_000_000))
                    .append(',');
        }
        return text.append(" working set ")
                .append(pages(profile.curve().workingSet()))
                .append('.')
                .toString();
    }

    private static String pages(Estimate pages) {
        return cell(pages, count -> ByteSize.binary((long) (count * PAGE_BYTES)));
    }

    private static String cell(Estimate estimate, DoubleFunction<String> text) {
        String low = value(estimate.low(), text);
        String best = value(estimate.best(), text);
        String high = value(estimate.high(), text);
        return low.equals(high) ? best : best + " (" + low + " - " + high + ")";
    }

    private static String value(double value, DoubleFunction<String> text) {
        return Double.isInfinite(value) ? "never" : text.apply(value);
    }

    private static String word(Verdict verdict) {
        return switch (verdict) {
            case Verdict.WillFinish _ -> "yes";
            case Verdict.WillNotFinish _ -> "no";
            case Verdict.Uncertain _ -> "uncertain";
        };
    }

    private static String sentence(Verdict verdict) {
        return switch (verdict) {
            case Verdict.WillFinish _ -> "plain precopy will finish.";
            case Verdict.WillNotFinish(String reason) -> "plain precopy will not finish. " + reason;
            case Verdict.Uncertain(String reason) -> "plain precopy may not finish. " + reason;
        };
    }

    static String reason(Verdict verdict) {
        return switch (verdict) {
            case Verdict.WillFinish _ -> "";
            case Verdict.WillNotFinish(String reason) -> reason;
            case Verdict.Uncertain(String reason) -> reason;
        };
    }
}
