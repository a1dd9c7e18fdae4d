// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.engine.outcome.MigrationException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** {@code godwit}, with its subcommands, and what happens when one of them fails. */
@Command(
        name = "godwit",
        description = "Moves running virtual machines from one process or host to another without stopping them.",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        versionProvider = GodwitCommand.VersionLine.class,
        subcommands = {
            DemoCommand.class,
            HostCommand.class,
            MigrateCommand.class,
            CaptureCommand.class,
            ProtectCommand.class,
            InspectCommand.class,
            StoreCommand.class,
            StoreDiffCommand.class,
            RestoreCommand.class,
            CloneCommand.class,
            AdviseCommand.class,
            DoctorCommand.class,
            RelayCommand.class,
            ClientCommand.class,
            RehearseCommand.class
        })
final class GodwitCommand implements Runnable {
    private static final String PACKAGES = "io.godwit.";
    private static final String COMMANDS =
            "demo, host, migrate, capture, restore, clone, protect, inspect, store, advise, doctor, relay or client";
    private static final Pattern CHOICES = Pattern.compile("(one of \\[[A-Z_, ]+]) \\(case-insensitive\\)");

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Print the stack trace when something fails.")
    private boolean debug;

    static final class VersionLine implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"godwit " + Version.ofTheBuild()};
        }
    }

    /** Runs a command line: 0 when it did what it should, 1 when not, 2 when it was not understood. */
    static int run(String... arguments) {
        return commandLine().execute(arguments);
    }

    static CommandLine commandLine() {
        GodwitCommand command = new GodwitCommand();
        CommandLine line = new CommandLine(command);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setUsageHelpAutoWidth(true);
        line.setExecutionStrategy(parsed -> {
            // A request for help would hide a word that is no command.
            if (!parsed.hasSubcommand() && !parsed.unmatched().isEmpty()) {
                throw new UnmatchedArgumentException(line, parsed.unmatched());
            }
            return new CommandLine.RunLast().execute(parsed);
        });
        line.setParameterExceptionHandler((failure, _) -> misunderstood(failure));
        line.setExecutionExceptionHandler((failure, at, _) -> {
            PrintWriter err = at.getErr();
            err.println(at.getCommandSpec().qualifiedName() + ": " + sentence(failure));
            if (command.debug) {
                failure.printStackTrace(err);
            }
            err.flush();
            return CommandLine.ExitCode.SOFTWARE;
        });
        return line;
    }

    private static int misunderstood(ParameterException failure) {
        CommandSpec at = failure.getCommandLine().getCommandSpec();
        PrintWriter err = failure.getCommandLine().getErr();
        String message = noCommand(failure)
                .orElseGet(() -> plainer(String.valueOf(failure.getMessage()).strip()));
        err.println(at.qualifiedName() + ": " + MigrationException.withFullStop(message) + " See '" + at.qualifiedName()
                + " --help'.");
        err.flush();
        return CommandLine.ExitCode.USAGE;
    }

    /** The first word, if it should have been a command. */
    private static Optional<String> noCommand(ParameterException failure) {
        return failure instanceof UnmatchedArgumentException unmatched
                        && failure.getCommandLine().getParent() == null
                        && !unmatched.getUnmatched().getFirst().startsWith("-")
                ? Optional.of("no such command: '" + unmatched.getUnmatched().getFirst() + "'. Say " + COMMANDS)
                : Optional.empty();
    }

    /** Choices as people type them: the parser names the constants. */
    private static String plainer(String message) {
        return CHOICES.matcher(message).replaceFirst(found -> found.group(1).toLowerCase(Locale.ROOT));
    }

    /** What Godwit throws speaks in sentences; of anything else the class says more than its message alone. */
    private static String sentence(Exception failure) {
        String message = failure.getMessage();
        return message != null && isOurs(failure) ? message : failure.toString();
    }

    /** Of a class of ours, or thrown by our code for what cannot be done. */
    private static boolean isOurs(Exception failure) {
        StackTraceElement[] frames = failure.getStackTrace();
        boolean refuses =
                failure instanceof UnsupportedOperationException || failure instanceof IllegalArgumentException;
        return failure.getClass().getName().startsWith(PACKAGES)
                || (refuses && frames.length > 0 && frames[0].getClassName().startsWith(PACKAGES));
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do: " + COMMANDS);
    }
}
