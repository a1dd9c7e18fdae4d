// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.qemu.restore.Clones;
import io.godwit.qemu.restore.LaunchedQemus;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit clone}: a stored guest comes to life several times at once. */
@Command(
        name = "clone",
        description = "Brings a stored guest to life several times at once, each time in a QEMU of its own. Its pages"
                + " are read and decompressed once.",
        customSynopsis = "godwit clone [OPTIONS] -n COUNT STORE/NAME -- qemu-system-x86_64 ARGUMENT...",
        footer = {
            "",
            "{} or {n} in an argument is the clone's number, from 0. The arguments must make the machine that was"
                    + " stored, without -incoming. The command ends when all QEMUs have; --detach lets them go on"
                    + " alone.",
            "",
            "The clones are one guest several times: they have the same host name, addresses and secrets, until"
                    + " something in them changes that."
        },
        mixinStandardHelpOptions = true)
final class CloneCommand implements Callable<Integer> {
    /** LIMIT: a typing error shall not start a thousand of them. */
    private static final int MAX_CLONES = 256;

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "STORE/NAME", description = "The guest.")
    private String address = "";

    @Parameters(index = "1..*", paramLabel = "ARGUMENT", description = "Behind --: the QEMU to start.")
    private List<String> words = List.of();

    @Option(names = "-n", required = true, paramLabel = "COUNT", description = "How many, 1 to " + MAX_CLONES + ".")
    private int count;

    @Mixin
    private RestoreArguments arguments = new RestoreArguments();

    @Option(
            names = "--detach",
            description = "Let the QEMUs that are started become daemons, and end when all memory is there.")
    private boolean detach;

    @Option(names = "--json", description = "Say what it took as JSON.")
    private boolean json;

    @Override
    public Integer call() throws InterruptedException {
        List<String> command = RestoreArguments.command(spec, words);
        if (command.isEmpty() || words.size() > command.size()) {
            throw new ParameterException(
                    spec.commandLine(), "Say '--' and the QEMU to start, and nothing else before it");
        }
        if (count < 1 || count > MAX_CLONES) {
            throw new ParameterException(spec.commandLine(), "-n is 1 to " + MAX_CLONES + ", not " + count);
        }
        List<List<String>> commands =
                IntStream.range(0, count).mapToObj(n -> numbered(command, n)).toList();
        StoreAddress stored = StoreAddress.parse(address);
        LaunchedQemus qemus = new LaunchedQemus();
        Runtime.getRuntime().addShutdownHook(new Thread(qemus::end, "clone-end"));
        try (Clones clones = new Clones(stored.store(), stored.name(), qemus)) {
            Clones.Outcome outcome = clones.run(commands, detach, arguments.settings());
            tell(outcome.whole(), clones.readBytes());
            outcome.failures()
                    .forEach(failure -> spec.commandLine().getErr().println(spec.qualifiedName() + ": " + failure));
            spec.commandLine().getErr().flush();
            int status = outcome.failures().isEmpty() ? 0 : 1;
            for (Clones.Clone clone : outcome.whole()) {
                if (detach) {
                    clone.qemu().letGo();
                } else {
                    int ended = clone.qemu().awaitEnd();
                    status = status == 0 ? ended : status;
                }
            }
            return status;
        }
    }

    private static List<String> numbered(List<String> command, int number) {
        String text = Integer.toString(number);
        return command.stream()
                .map(word -> word.replace("{n}", text).replace("{}", text))
                .toList();
    }

    private void tell(List<Clones.Clone> clones, long readBytes) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(json ? json(clones, readBytes) : sentence(clones, readBytes));
        out.flush();
    }

    private String sentence(List<Clones.Clone> clones, long readBytes) {
        String pids = clones.stream()
                .flatMap(clone -> clone.qemu().pid().stream())
                .map(String::valueOf)
                .collect(Collectors.joining(", "));
        return String.format(
                Locale.ROOT,
                "%d of %s run%s: the first after %.1f ms, the last after %.1f ms, all with all of their memory after"
                        + " %.0f ms; %s were read for all of them",
                clones.size(),
                address,
                pids.isEmpty() ? "" : " in processes " + pids,
                clones.stream().mapToLong(Clones.Clone::runningNanos).min().orElse(0) / 1e6,
                clones.stream().mapToLong(Clones.Clone::runningNanos).max().orElse(0) / 1e6,
                clones.stream()
                                .mapToLong(c -> c.figures().completeNanos())
                                .max()
                                .orElse(0)
                        / 1e6,
                ByteSize.binary(readBytes));
    }

    private String json(List<Clones.Clone> clones, long readBytes) {
        ObjectNode told = Json.object().put("snapshot", address).put("readBytes", readBytes);
        ArrayNode list = told.putArray("clones");
        for (Clones.Clone clone : clones) {
            ObjectNode one = list.addObject()
                    .put("number", clone.number())
                    .put("runningMillis", clone.runningNanos() / 1e6)
                    .put("completeMillis", clone.figures().completeNanos() / 1e6)
                    .put("requests", clone.figures().requests())
                    .put("recoveries", clone.figures().recoveries());
            clone.qemu().pid().ifPresent(pid -> one.put("pid", pid));
        }
        return new String(Json.write(told), StandardCharsets.UTF_8);
    }
}
