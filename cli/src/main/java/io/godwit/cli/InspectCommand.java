// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.stream.StreamInspection;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code godwit inspect}: what is in a migration stream, Godwit's or QEMU's, to its last byte. */
@Command(
        name = "inspect",
        description = "Lists what is in a migration stream: RAM blocks and their pages, commands, device sections.",
        mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(paramLabel = "FILE", description = "A stream in a file, - for standard input.")
    private String file = "";

    @Option(names = "--json", description = "One JSON object instead of tables.")
    private boolean json;

    @Override
    public Integer call() {
        StreamInspection inspection = read();
        PrintWriter out = spec.commandLine().getOut();
        out.println(json ? Json.writePretty(InspectionViews.json(inspection)) : InspectionViews.tables(inspection));
        out.flush();
        if (!inspection.complete()) {
            throw new CommandFailure(file + " is not a whole stream: " + inspection.remark());
        }
        return 0;
    }

    private StreamInspection read() {
        try (InputStream in = file.equals("-") ? System.in : Files.newInputStream(Path.of(file))) {
            return StreamInspection.of(in);
        } catch (NoSuchFileException e) {
            throw new CommandFailure("There is no file " + file + ".", e);
        } catch (IOException e) {
            throw new CommandFailure(file + " cannot be read: " + e.getMessage() + ".", e);
        }
    }
}
