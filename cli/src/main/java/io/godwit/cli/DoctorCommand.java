// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.control.QmpClient;
import io.godwit.control.QmpConnectionException;
import io.godwit.control.QmpException;
import io.godwit.qemu.doctor.Examination;
import io.godwit.qemu.doctor.Finding;
import io.godwit.qemu.doctor.Severity;
import io.godwit.qemu.doctor.Side;
import io.godwit.qemu.doctor.Trial;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit doctor}: what is in the way of a migration, before anybody migrates. */
@Command(
        name = "doctor",
        description =
                "Looks at a guest, and at the destination if one is named, and says what would stop a migration, what"
                        + " is a risk, and what to do about it. Nothing is changed, unless --trial is said.",
        exitCodeListHeading = "Exit status:%n",
        exitCodeList = {
            "0:Nothing is in the way.",
            "1:There are risks.",
            "2:The migration would fail, or it could not be looked at."
        },
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
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
            names = "--destination",
            paramLabel = "ADDRESS",
            description = "Where the destination answers QMP. It waits with -incoming defer.")
    private @Nullable String destination;

    @Option(
            names = "--trial",
            description =
                    "Begin a migration to nowhere at 4 KiB/s and cancel it: that shows what only a beginning shows. The"
                            + " guest is not stopped; query-migrate says cancelled afterwards.")
    private boolean trial;

    @Option(
            names = "--watch",
            paramLabel = "SECONDS",
            defaultValue = "1",
            description = "How long to watch the guest for a forecast; 0 for none (default: ${DEFAULT-VALUE}).")
    private int watchSeconds;

    @Option(
            names = "--bandwidth",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "What a migration may send in a second, for the forecast (default: the source's"
                    + " max-bandwidth, or 1G).")
    private @Nullable Long bandwidth;

    @Option(names = "--json", description = "One JSON object instead of sentences.")
    private boolean json;

    @Override
    public Integer call() {
        if (watchSeconds < 0 || watchSeconds > LONGEST_WATCH_SECONDS || (bandwidth != null && bandwidth <= 0)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--watch is 0 to " + LONGEST_WATCH_SECONDS + " seconds and --bandwidth is above 0");
        }
        try (QmpClient client = QmpClient.connect(Addresses.qmp(qmp), Addresses.PATIENCE)) {
            List<Finding> findings = Examination.sorted(examine(client));
            PrintWriter out = spec.commandLine().getOut();
            if (json) {
                out.println(Json.writePretty(json(findings)));
            } else {
                findings.forEach(finding -> print(out, finding));
                out.println(summary(findings));
            }
            out.flush();
            return Examination.exitStatus(findings);
        } catch (QmpConnectionException | QmpException | CommandFailure e) {
            return cannotLook(String.valueOf(e.getMessage()));
        } catch (RuntimeException e) {
            return cannotLook("The look failed in a way that nobody thought of: " + e + ".");
        }
    }

    /** As for a migration that would fail: a script must not take it for a risk. */
    private int cannotLook(String reason) {
        PrintWriter err = spec.commandLine().getErr();
        err.println(spec.qualifiedName() + ": " + reason);
        err.flush();
        return ExitCode.USAGE;
    }

    private List<Finding> examine(QmpClient client) {
        Side source = Side.ask(client, Addresses.PATIENCE);
        List<Finding> findings = new ArrayList<>(Examination.of(source, other()));
        boolean begins = findings.stream().noneMatch(DoctorCommand::isInTheWayOfABeginning);
        if (trial && begins) {
            findings.addAll(Trial.of(client, source, Addresses.PATIENCE).toList());
        }
        if (watchSeconds > 0 && begins && source.isRunning()) {
            findings.add(GuestForecast.finding(client, source.maxBandwidth(), bandwidth, watchSeconds));
        }
        return findings;
    }

    /** What a source says of itself, without a look at the destination. */
    private static boolean isInTheWayOfABeginning(Finding finding) {
        return List.of("blocked", "under-way", "source-state").contains(finding.rule())
                && finding.severity() == Severity.STOPS;
    }

    private Optional<Side> other() {
        if (destination == null) {
            return Optional.empty();
        }
        try (QmpClient client = QmpClient.connect(Addresses.qmp(destination), Addresses.PATIENCE)) {
            return Optional.of(Side.ask(client, Addresses.PATIENCE));
        }
    }

    private static void print(PrintWriter out, Finding finding) {
        out.println(word(finding.severity()) + ": " + finding.sentence());
        out.println("  -> " + finding.fix());
    }

    private static String word(Severity severity) {
        return switch (severity) {
            case STOPS -> "stops it";
            case RISK -> "risk";
            case NOTE -> "good to know";
        };
    }

    static String summary(List<Finding> findings) {
        long risks = count(findings, Severity.RISK);
        long stops = count(findings, Severity.STOPS);
        return switch (Examination.exitStatus(findings)) {
            case 0 -> "Nothing is in the way of a migration, as far as can be seen from outside.";
            case 1 -> risks + (risks == 1 ? " risk" : " risks") + "; nothing that is seen stops a migration.";
            default -> "A migration would fail: " + stops + (stops == 1 ? " finding stops it." : " findings stop it.");
        };
    }

    private static long count(List<Finding> findings, Severity severity) {
        return findings.stream()
                .filter(finding -> finding.severity() == severity)
                .count();
    }

    private ObjectNode json(List<Finding> findings) {
        ObjectNode json = Json.object().put("source", qmp);
        if (destination != null) {
            json.put("destination", destination);
        }
        ArrayNode all = json.putArray("findings");
        for (Finding finding : findings) {
            all.add(Json.object()
                    .put("severity", finding.severity().name().toLowerCase(Locale.ROOT))
                    .put("rule", finding.rule())
                    .put("sentence", finding.sentence())
                    .put("fix", finding.fix()));
        }
        return json.put("status", Examination.exitStatus(findings));
    }
}
