// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.qemu.relay.Relay;
import io.godwit.qemu.relay.RelayFigures;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit relay}: a migration between two others passes through. */
@Command(
        name = "relay",
        description = "Takes the connections of a migration in and continues each to the destination. Every byte passes"
                + " unchanged, both ways. Tells what passes, and can limit it. Ends with the migration: status 0"
                + " if the guest is known to have arrived.",
        mixinStandardHelpOptions = true)
final class RelayCommand implements Callable<Integer> {
    private static final Duration TELL = Duration.ofSeconds(1);

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "LISTEN-URI",
            description = "Where the source migrates to: tcp:HOST:PORT (0 = any port) or unix:PATH.")
    private String listen = "";

    @Parameters(
            index = "1",
            paramLabel = "TARGET-URI",
            description = "Where the destination waits: tcp:HOST:PORT or unix:PATH.")
    private String target = "";

    @Option(
            names = "--max-bandwidth",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "What a connection may carry to the destination in a second. Requested pages on a connection"
                    + " of their own (postcopy-preempt) and the way back are not held up.")
    private @Nullable Long maxBandwidth;

    @Option(names = "--json", description = "One JSON object a line: the address, figures each second, the end.")
    private boolean json;

    @Override
    public Integer call() {
        if (maxBandwidth != null && maxBandwidth <= 0) {
            throw new ParameterException(spec.commandLine(), "--max-bandwidth must be above 0");
        }
        try (Relay relay = Relay.open(listen, target, maxBandwidth == null ? 0 : maxBandwidth)) {
            // The file of a socket must not outlive the process.
            Runtime.getRuntime().addShutdownHook(new Thread(relay::close, "relay-end"));
            return run(relay);
        } catch (IOException e) {
            throw new CommandFailure("The relay " + e.getMessage() + ".", e);
        } catch (MigrationException.Refused e) {
            throw new CommandFailure(e.getMessage() + ".", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure("The relay was interrupted; the migration was cut.", e);
        }
    }

    private int run(Relay relay) throws InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        print(
                out,
                json
                        ? line(Json.object().put("address", relay.address().toString()))
                        : "Listening at " + relay.address() + "; what comes passes to " + target + ".");
        long began = System.nanoTime();
        long before = 0;
        int told = 0;
        boolean ended = false;
        while (!ended) {
            ended = relay.awaitEnd(TELL);
            RelayFigures figures = relay.figures();
            for (; !json && told < figures.notes().size(); told++) {
                print(out, figures.notes().get(told));
            }
            if (figures.open() == 0 && !ended) {
                began = System.nanoTime();
            } else if (!ended) {
                print(out, json ? line(json(figures)) : progress(figures, figures.forwardBytes() - before));
            }
            before = figures.forwardBytes();
        }
        RelayFigures figures = relay.figures();
        print(
                out,
                json ? line(json(figures).put("arrived", figures.arrived())) : end(figures, System.nanoTime() - began));
        return figures.arrived() ? 0 : 1;
    }

    private static void print(PrintWriter out, String line) {
        out.println(line);
        out.flush();
    }

    private static String line(ObjectNode json) {
        return new String(Json.write(json), StandardCharsets.UTF_8);
    }

    private static String progress(RelayFigures figures, long bytes) {
        return ByteSize.decimal(bytes) + "/s; " + counts(figures);
    }

    private static String counts(RelayFigures figures) {
        return String.format(
                Locale.ROOT,
                "%s forward, %s back, %,d pages and %,d zero pages%s",
                ByteSize.decimal(figures.forwardBytes()),
                ByteSize.decimal(figures.backBytes()),
                figures.pages(),
                figures.zeroPages(),
                figures.postcopy()
                        ? String.format(
                                Locale.ROOT,
                                ", postcopy: %,d requests, %,d pages on the second connection",
                                figures.requests(),
                                figures.preemptPages())
                        : "");
    }

    private static String end(RelayFigures figures, long nanos) {
        String passed = "Passed in " + TimeSpan.text(nanos) + " over " + figures.connections()
                + (figures.connections() == 1 ? " connection: " : " connections: ") + counts(figures) + ". ";
        String word = figures.lastWord().isEmpty()
                ? "The destination said nothing"
                : "The destination's last word was " + figures.lastWord();
        String first = ", and the " + (figures.firstEnd().isEmpty() ? "source" : figures.firstEnd()) + " ended first. ";
        return passed + word + first + owner(figures);
    }

    private static String owner(RelayFigures figures) {
        if (figures.arrived()) {
            return "The guest is at the destination.";
        }
        if (figures.wholeWithoutWord()) {
            return "The stream was whole, but nothing tells whether the guest arrived: ask the destination"
                    + " (query-status) before it goes on at the source.";
        }
        return figures.postcopy()
                ? "The guest needs both sides: recover the migration (migrate-recover, migrate with resume), through a"
                        + " relay or without."
                : "The guest is at the source, unless the destination says otherwise.";
    }

    private static ObjectNode json(RelayFigures figures) {
        ObjectNode json = Json.object()
                .put("connections", figures.connections())
                .put("open", figures.open())
                .put("forwardBytes", figures.forwardBytes())
                .put("backBytes", figures.backBytes())
                .put("pages", figures.pages())
                .put("zeroPages", figures.zeroPages())
                .put("preemptPages", figures.preemptPages())
                .put("requests", figures.requests())
                .put("postcopy", figures.postcopy())
                .put("complete", figures.complete())
                .put("lastWord", figures.lastWord())
                .put("firstEnd", figures.firstEnd());
        ArrayNode notes = json.putArray("notes");
        figures.notes().forEach(notes::add);
        return json;
    }
}
