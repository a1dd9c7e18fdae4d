// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.engine.report.LatencyHistogram;
import io.godwit.machines.client.ClientFigures;
import io.godwit.machines.client.ClientLoad;
import io.godwit.machines.client.ClientSettings;
import io.godwit.machines.service.ServiceAddress;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit client}: asks a service and checks every answer. */
@Command(
        name = "client",
        description =
                "Asks the guest of a host with --service, as several clients at once, and checks that nothing that they"
                        + " were told is lost, told twice or wrong, whatever happens to the hosts.",
        mixinStandardHelpOptions = true)
final class ClientCommand implements Callable<Integer> {
    private static final long LAST_WORDS_SECONDS = 5;

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(
            paramLabel = "ADDRESS",
            arity = "1..*",
            split = ",",
            description = "Where the guest may be: tcp:HOST:PORT or unix:PATH. The next one is tried when a connection"
                    + " breaks or is refused.")
    private List<String> addresses = new ArrayList<>();

    @Option(
            names = "--clients",
            paramLabel = "N",
            defaultValue = "4",
            description = "How many ask, each one thing at a time (default: ${DEFAULT-VALUE}).")
    private int clients;

    @Option(
            names = "--first-client",
            paramLabel = "N",
            defaultValue = "0",
            description = "The number of the first of them, 0 to 4095. Who asks at the same time needs other numbers"
                    + " (default: ${DEFAULT-VALUE}).")
    private int firstClient;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "10",
            description = "How long; 0 until a signal comes (default: ${DEFAULT-VALUE}).")
    private int seconds;

    @Option(
            names = "--rate",
            paramLabel = "N",
            defaultValue = "0",
            description = "Requests a second of each client, 0 for as many as it can (default: ${DEFAULT-VALUE}).")
    private double rate;

    @Option(
            names = "--keys",
            paramLabel = "N",
            defaultValue = "8",
            description = "How many cells of the guest's table each client uses (default: ${DEFAULT-VALUE}).")
    private int keys;

    @Option(
            names = "--reads",
            paramLabel = "PERCENT",
            defaultValue = "50",
            description = "How many of the requests read; what is left adds (default: ${DEFAULT-VALUE}).")
    private double reads;

    @Option(
            names = "--touches",
            paramLabel = "PERCENT",
            defaultValue = "0",
            description = "How many of the requests make the guest write pages (default: ${DEFAULT-VALUE}).")
    private double touches;

    @Option(
            names = "--touched-pages",
            paramLabel = "N",
            defaultValue = "16",
            description = "How many pages each of those writes, up to 65536 (default: ${DEFAULT-VALUE}).")
    private int touchedPages;

    @Option(
            names = "--clocks",
            paramLabel = "PERCENT",
            defaultValue = "0",
            description = "How many of the requests ask for the time, which no two copies of the guest answer alike"
                    + " (default: ${DEFAULT-VALUE}).")
    private double clocks;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "For what is random (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "2s",
            converter = AdviseCommand.Milliseconds.class,
            description =
                    "How long to wait for an answer before the next address is tried" + " (default: ${DEFAULT-VALUE}).")
    private long timeoutMillis;

    @Option(
            names = "--patience",
            paramLabel = "TIME",
            defaultValue = "30s",
            converter = AdviseCommand.Milliseconds.class,
            description = "How long a request may stay without an answer at all (default: ${DEFAULT-VALUE}).")
    private long patienceMillis;

    @Option(names = "--json", description = "The figures as one JSON object.")
    private boolean json;

    @Override
    public Integer call() throws InterruptedException {
        ClientLoad load = ClientLoad.start(settings());
        CountDownLatch stop = new CountDownLatch(1);
        CountDownLatch told = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> endAtSignal(stop, told), "client-end"));
        ClientFigures figures;
        try {
            if (seconds == 0) {
                stop.await();
            } else {
                boolean _ = stop.await(seconds, TimeUnit.SECONDS);
            }
        } finally {
            figures = load.stop();
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new String(Json.write(asJson(figures)), StandardCharsets.UTF_8));
        } else {
            print(figures, out);
        }
        out.flush();
        told.countDown();
        if (figures.answers() == 0) {
            throw new CommandFailure("Nobody answered at " + String.join(", ", addresses) + ".");
        }
        if (!figures.findings().isEmpty()) {
            throw new CommandFailure("The guest's answers were not all right: "
                    + figures.findings().getFirst()
                    + (figures.findings().size() == 1
                            ? ""
                            : " " + (figures.findings().size() - 1) + " other clients ended likewise."));
        }
        return 0;
    }

    private static void endAtSignal(CountDownLatch stop, CountDownLatch told) {
        stop.countDown();
        try {
            boolean _ = told.await(LAST_WORDS_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private ClientSettings settings() {
        try {
            return new ClientSettings(
                    addresses.stream().map(ServiceAddress::parse).toList(),
                    clients,
                    firstClient,
                    keys,
                    new ClientSettings.Mix(reads, touches, touchedPages, clocks),
                    seed,
                    rate,
                    Duration.ofMillis(timeoutMillis),
                    Duration.ofMillis(patienceMillis));
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "Not possible: " + e.getMessage(), e);
        }
    }

    private static void print(ClientFigures figures, PrintWriter out) {
        LatencyHistogram.Snapshot latency = figures.latency();
        out.printf(
                Locale.ROOT,
                "%,d answers in %s, %,.0f a second, all checked: %s%n",
                figures.answers(),
                TimeSpan.text(figures.nanos()),
                figures.answersPerSecond(),
                figures.findings().isEmpty() ? "nothing lost, doubled or wrong" : "NOT all right");
        out.printf(
                "latency p50 %s, p99 %s, max %s; longest gap %s; %d reconnects; %d answers of a former host refused%n",
                TimeSpan.text(latency.percentileNanos(50)),
                TimeSpan.text(latency.percentileNanos(99)),
                TimeSpan.text(latency.maxNanos()),
                TimeSpan.text(figures.longestGapNanos()),
                figures.reconnects(),
                figures.refusedAnswers());
        figures.findings().forEach(out::println);
    }

    private static ObjectNode asJson(ClientFigures figures) {
        LatencyHistogram.Snapshot latency = figures.latency();
        ObjectNode all = Json.object()
                .put("answers", figures.answers())
                .put("nanos", figures.nanos())
                .put("answersPerSecond", figures.answersPerSecond())
                .put("latencyP50Nanos", latency.percentileNanos(50))
                .put("latencyP99Nanos", latency.percentileNanos(99))
                .put("latencyMaxNanos", latency.maxNanos())
                .put("longestGapNanos", figures.longestGapNanos())
                .put("reconnects", figures.reconnects())
                .put("refusedAnswers", figures.refusedAnswers());
        ArrayNode findings = all.putArray("findings");
        figures.findings().forEach(findings::add);
        return all;
    }
}
