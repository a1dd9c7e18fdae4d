// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.control.Json;
import io.godwit.store.SnapshotName;
import io.godwit.store.Store;
import io.godwit.store.care.StoreCheck;
import io.godwit.store.objects.StorePlaces;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code godwit store check}: whether a store is what was written. */
@Command(
        name = "check",
        description = "Reads a whole store, and names what is damaged and the snapshots that need it.",
        mixinStandardHelpOptions = true)
final class StoreCheckCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(paramLabel = "STORE", description = "The store: a directory, or s3://BUCKET/PREFIX.")
    private String address = "";

    @Option(names = "--json", description = "One JSON object instead of sentences.")
    private boolean json;

    @Override
    public Integer call() {
        StoreCheck.Report report = StoreCheck.check(Store.open(StorePlaces.at(address)));
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.writePretty(json(report)));
        } else {
            report.damages().forEach(damage -> out.println(sentence(damage)));
            report.notes().forEach(out::println);
            out.println(report.snapshots() + " snapshots and " + report.packs() + " packs, "
                    + ByteSize.binary(report.checkedBytes()) + ", were read.");
        }
        out.flush();
        if (!report.damages().isEmpty()) {
            throw new CommandFailure("The store " + address + " is damaged in "
                    + report.damages().size() + " files.");
        }
        return 0;
    }

    private static String sentence(StoreCheck.Damage damage) {
        String needed = damage.snapshots().isEmpty()
                ? " No snapshot needs it."
                : " Snapshots that need it: "
                        + damage.snapshots().stream().map(SnapshotName::text).collect(Collectors.joining(", "))
                        + ".";
        return damage.object() + " is damaged: " + damage.what() + "." + needed;
    }

    private static ObjectNode json(StoreCheck.Report report) {
        ObjectNode json = Json.object()
                .put("whole", report.damages().isEmpty())
                .put("snapshots", report.snapshots())
                .put("packs", report.packs())
                .put("checkedBytes", report.checkedBytes());
        ArrayNode damages = json.putArray("damages");
        for (StoreCheck.Damage damage : report.damages()) {
            ObjectNode one = Json.object().put("object", damage.object()).put("what", damage.what());
            ArrayNode names = one.putArray("snapshots");
            damage.snapshots().forEach(name -> names.add(name.text()));
            damages.add(one);
        }
        ArrayNode notes = json.putArray("notes");
        report.notes().forEach(notes::add);
        return json;
    }
}
