// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit protect}: gives the guest of a host a secondary, with all that this needs at both ends. */
@Command(
        name = "protect",
        description = "Protects the guest of a host by a second host that runs the same guest (COLO): looks at both for"
                + " what is missing, sets both up, sends the guest's copy, and waits until it is protected. Both"
                + " answer QMP, Godwit's or QEMU's; the secondary waits for a guest (--incoming defer, or QEMU's"
                + " -incoming defer).",
        footer = {
            "",
            "If the secondary does not answer QMP, leave --secondary out and say with URI where it listens, with x-colo"
                    + " on."
        },
        mixinStandardHelpOptions = true)
final class ProtectCommand implements Callable<Integer> {
    private static final Duration LONGEST = Duration.ofDays(7);

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = "--qmp",
            required = true,
            paramLabel = "ADDRESS",
            description =
                    "Where the primary, which has the guest, answers QMP: unix:PATH, tcp:HOST:PORT or libvirt:DOMAIN.")
    private String qmp = "";

    @Option(names = "--secondary", paramLabel = "ADDRESS", description = "Where the secondary answers QMP.")
    private @Nullable String secondaryQmp;

    @Parameters(
            paramLabel = "URI",
            arity = "0..1",
            description = "Where the secondary listens, or shall listen, for the guest: tcp:HOST:PORT or unix:PATH"
                    + " (default: a port of the host that answers QMP).")
    private @Nullable String uri;

    @Mixin
    private CheckpointArguments checkpoints = new CheckpointArguments();

    @Option(names = "--check", description = "Only look, and say what is missing.")
    private boolean checking;

    @Option(names = "--watch", description = "Go on telling until protection ends.")
    private boolean watching;

    @Option(names = "--json", description = "One JSON object a line instead of sentences.")
    private boolean json;

    private volatile boolean underWay;

    @Override
    public Integer call() {
        if (secondaryQmp == null && uri == null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "say with --secondary where the secondary answers QMP, or with URI where it" + " listens");
        }
        try (QmpClient primary = QmpClient.connect(Addresses.qmp(qmp), Addresses.PATIENCE)) {
            if (secondaryQmp == null) {
                return protect(new Protecting(primary, Optional.empty()));
            }
            try (QmpClient secondary = QmpClient.connect(Addresses.qmp(secondaryQmp), Addresses.PATIENCE)) {
                return protect(new Protecting(primary, Optional.of(secondary)));
            }
        } catch (QmpException e) {
            throw new CommandFailure("A host refused: " + e.getMessage(), e);
        }
    }

    private int protect(Protecting pair) {
        HostFacts primary = HostFacts.of(pair.primary());
        Optional<HostFacts> secondary = pair.secondary().map(HostFacts::of);
        List<ProtectionCheck.Finding> findings = ProtectionCheck.of(primary, secondary, checkpoints.names());
        tell(findings);
        if (findings.stream().anyMatch(ProtectionCheck.Finding::blocks)) {
            throw new CommandFailure("The guest cannot be protected like this; nothing was changed.");
        }
        if (checking) {
            if (!json) {
                say("Nothing is missing.");
            }
            return 0;
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> cancel(pair.primary()), "cancel"));
        checkpoints.apply(pair.primary());
        String target = prepare(pair, primary, secondary);
        long nanos;
        try {
            underWay = true;
            nanos = pair.begin(target, Terminal.view(json, spec.commandLine().getOut()), LONGEST);
        } finally {
            underWay = false;
        }
        tellProtected(nanos, primary, secondary, sharesToken(pair.primary()));
        return watching ? new ProtectionWatch(pair, json, spec.commandLine().getOut()).follow() : 0;
    }

    /** Ctrl-C before the guest is protected leaves it as it was; afterwards it stays protected. */
    private void cancel(QmpClient primary) {
        if (underWay) {
            try {
                primary.execute("migrate_cancel", Addresses.PATIENCE);
            } catch (QmpException | QmpConnectionException e) {
                System.err.println("godwit: cannot cancel, so protection may begin: " + e.getMessage());
            }
        }
    }

    /** Switches on what is needed and lets the secondary listen; where it does is the result. */
    private String prepare(Protecting pair, HostFacts primary, Optional<HostFacts> secondary) {
        if (!primary.godwit() && !primary.version().isAtLeast(11, 0, 0)) {
            Protecting.set(pair.primary(), "return-path", false);
        }
        Protecting.switchOn(pair.primary(), "The primary");
        if (pair.secondary().isEmpty()) {
            return String.valueOf(uri);
        }
        QmpClient client = pair.secondary().get();
        if (secondary.flatMap(HostFacts::listensAt).isPresent()) {
            return uri == null ? secondary.flatMap(HostFacts::listensAt).get() : uri;
        }
        Protecting.switchOn(client, "The secondary");
        String asked = uri == null ? Addresses.anyPortBeside(client.address()) : uri;
        client.execute("migrate-incoming", Json.object().put("uri", asked), Addresses.PATIENCE);
        return uri == null || uri.endsWith(":0")
                ? HostFacts.listener(client.execute("query-migrate", Addresses.PATIENCE))
                        .orElse(asked)
                : uri;
    }

    private void tell(List<ProtectionCheck.Finding> findings) {
        if (json) {
            ObjectNode line = Json.object().put("status", "checked");
            ArrayNode missing = line.putArray("missing");
            ArrayNode notes = line.putArray("notes");
            findings.forEach(finding -> (finding.blocks() ? missing : notes).add(finding.sentence()));
            say(new String(Json.write(line), StandardCharsets.UTF_8));
            return;
        }
        List<ProtectionCheck.Finding> ordered = new ArrayList<>(findings);
        ordered.sort(Comparator.comparing(finding -> !finding.blocks()));
        ordered.forEach(finding -> say((finding.blocks() ? "Missing: " : "Note: ") + finding.sentence()));
    }

    /** Empty where it is a QEMU that was asked. */
    private static Optional<Boolean> sharesToken(QmpClient primary) {
        return MigrationSample.of(primary.execute("query-migrate", Addresses.PATIENCE))
                .colo()
                .map(ColoSample::sharesToken);
    }

    private void tellProtected(
            long nanos, HostFacts primary, Optional<HostFacts> secondary, Optional<Boolean> sharesToken) {
        if (json) {
            ObjectNode line = Json.object().put("status", "protected").put("setUpMillis", nanos / 1_000_000);
            sharesToken.ifPresent(shared -> line.put("sharesToken", shared));
            say(new String(Json.write(line), StandardCharsets.UTF_8));
            return;
        }
        String there = secondaryQmp == null ? String.valueOf(uri) : secondaryQmp;
        boolean comparing = primary.godwit()
                && secondary.map(HostFacts::godwit).orElse(false)
                && !checkpoints.isPeriodic()
                && !secondary.flatMap(HostFacts::machine).orElse("").equals(HostFacts.OPAQUE);
        say("The guest of " + qmp + " is protected by " + there + ", after " + TimeSpan.text(nanos) + ".");
        say(
                comparing
                        ? "Both run it. An answer leaves when both have given the same one, or after the next"
                                + " checkpoint."
                        : "What the guest says leaves the primary "
                                + (primary.godwit() ? "after the next checkpoint." : "as its QEMU is set up for it."));
        sharesToken.ifPresent(shared -> say(
                shared
                        ? "Both ask for the same token: when one is lost the other goes on by itself."
                        : "They share no token: when one is lost the other waits until somebody says"
                                + " x-colo-lost-heartbeat to it."));
        say("To end it: x-colo-lost-heartbeat at the side that shall go on, or migrate_cancel at the primary.");
    }

    private void say(String line) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(line);
        out.flush();
    }
}
