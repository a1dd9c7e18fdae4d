// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.store.snapshots.Snapshot;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code godwit store show}: what a snapshot has. */
@Command(name = "show", description = "Tells what a snapshot has.", mixinStandardHelpOptions = true)
final class StoreShowCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(paramLabel = "STORE/NAME", description = "The snapshot.")
    private String address = "";

    @Option(names = "--json", description = "One JSON object instead of tables.")
    private boolean json;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        try (Snapshot snapshot = StoreAddress.parse(address).open()) {
            out.println(json ? Json.writePretty(SnapshotView.json(snapshot)) : SnapshotView.tables(snapshot));
        }
        out.flush();
        return 0;
    }
}
