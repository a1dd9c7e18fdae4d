// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.QmpClient;
import io.godwit.control.QmpException;
import io.godwit.engine.forecast.Forecast;
import io.godwit.engine.forecast.GuestProfile;
import io.godwit.engine.forecast.Link;
import io.godwit.engine.forecast.Method;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code godwit advise}: watches a guest and says what its migration will be like, each way, and which to take. */
@Command(
        name = "advise",
        description =
                "Watches the guest of a host that answers QMP, Godwit's or QEMU's, for some seconds and foretells its"
                        + " migration: time, bytes, downtime and slowdown with their error bars, for each way to "
                        + "migrate, and the"
                        + " settings to use. Nothing is migrated or changed.",
        mixinStandardHelpOptions = true)
final class AdviseCommand implements Callable<Integer> {
    private static final long FIRST_LOOK_MILLIS = 1000;
    private static final long LONGEST_DOWNTIME_MILLIS = 2_000_000;
    private static final int LONGEST_WATCH_SECONDS = 60;

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = "--qmp",
            required = true,
            paramLabel = "ADDRESS",
            description = "Where the source answers QMP: unix:PATH, tcp:HOST:PORT or libvirt:DOMAIN.")
    private String qmp = "";

    @Option(
            names = "--bandwidth",
            required = true,
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "What the migration may send in a second, as max-bandwidth: bytes, or 128M, 1G.")
    private long bandwidth;

    @Option(
            names = "--wire",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description =
                    "What the wire carries in a second, if that is more: the last pages, with the guest stopped, are"
                            + " not held to max-bandwidth.")
    private @Nullable Long wire;

    @Option(
            names = "--downtime-limit",
            paramLabel = "TIME",
            defaultValue = "300ms",
            converter = Milliseconds.class,
            description = "How long the guest may stand still (default: ${DEFAULT-VALUE}).")
    private long downtimeLimitMillis;

    @Option(
            names = "--watch",
            paramLabel = "SECONDS",
            defaultValue = "4",
            description = "How long to watch (default: ${DEFAULT-VALUE}).")
    private int watchSeconds;

    @Option(names = "--json", description = "One JSON object a line: the early verdict, then the forecast.")
    private boolean json;

    /** {@code 300}, {@code 300ms} or {@code 2s}, in milliseconds. */
    static final class Milliseconds implements ITypeConverter<Long> {
        private static final Pattern TIME = Pattern.compile("(\\d{1,9})(ms|s)?");

        @Override
        public Long convert(String text) {
            Matcher matcher = TIME.matcher(text);
            if (!matcher.matches()) {
                throw new TypeConversionException("'" + text + "' is no time like 300ms or 2s");
            }
            return Long.parseLong(matcher.group(1)) * ("s".equals(matcher.group(2)) ? 1000 : 1);
        }
    }

    @Override
    public Integer call() {
        if (bandwidth <= 0 || watchSeconds < 1 || watchSeconds > LONGEST_WATCH_SECONDS) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--bandwidth must be above 0 and --watch from 1 to " + LONGEST_WATCH_SECONDS + ", not " + bandwidth
                            + " and " + watchSeconds);
        }
        if (downtimeLimitMillis > LONGEST_DOWNTIME_MILLIS) {
            throw new ParameterException(
                    spec.commandLine(), "--downtime-limit must be at most " + LONGEST_DOWNTIME_MILLIS / 1000 + "s");
        }
        Link link = Link.of(bandwidth).withWire(Math.max(bandwidth, wire == null ? 0 : wire));
        try (QmpClient client = QmpClient.connect(Addresses.qmp(qmp), Addresses.PATIENCE)) {
            advise(client, link);
        } catch (QmpException e) {
            throw new CommandFailure("The guest at " + qmp + " cannot be watched: " + e.getMessage(), e);
        }
        return 0;
    }

    private void advise(QmpClient client, Link link) {
        GuestWatch watch = new GuestWatch(client);
        PrintWriter out = spec.commandLine().getOut();
        ForecastView view = json ? new ForecastJson(out) : new ForecastTable(out);
        watch.watch(FIRST_LOOK_MILLIS);
        GuestProfile first = watch.profile();
        view.early(Forecast.of(Method.PRECOPY, first, link, watch.conditions(link, downtimeLimitMillis)));
        if (watchSeconds * 1000L > FIRST_LOOK_MILLIS) {
            watch.watch(watchSeconds * 1000L - FIRST_LOOK_MILLIS);
        }
        view.show(new ForecastView.Told(
                qmp, watch.profile(), watch.knowsZeroPages(), link, watch.conditions(link, downtimeLimitMillis)));
    }
}
