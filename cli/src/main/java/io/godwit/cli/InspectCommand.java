// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.stream.StreamInspection;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code godwit inspect}: what is in a migration stream, Godwit's or QEMU's, to its last byte. */
@Command(
        name = "inspect",
        description = "Lists what is in a migration stream: RAM blocks and their pages, commands, device sections, and"
                + " how many bytes follow its end.",
        mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(
            paramLabel = "FILE",
            description =
                    "A stream in a file, file:PATH,offset=N for one that begins at byte N of it, - for standard input.")
    private String file = "";

    @Option(names = "--json", description = "One JSON object instead of tables.")
    private boolean json;

    @Override
    public Integer call() {
        StreamFile stream = StreamFile.parse(file);
        StreamInspection inspection = stream.inspect();
        PrintWriter out = spec.commandLine().getOut();
        out.println(json ? Json.writePretty(InspectionViews.json(inspection)) : InspectionViews.tables(inspection));
        out.flush();
        return switch (inspection.ending()) {
            case COMPLETE -> 0;
            case CUT_SHORT, WRONG ->
                throw new CommandFailure(stream.name() + " is not a whole stream: " + inspection.remark());
            case UNSUPPORTED ->
                throw new CommandFailure(
                        stream.name() + " has what this version does not read. " + inspection.remark());
        };
    }
}
