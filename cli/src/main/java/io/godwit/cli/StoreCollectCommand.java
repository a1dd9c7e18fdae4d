// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.store.Store;
import io.godwit.store.care.Collector;
import io.godwit.store.objects.StorePlaces;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code godwit store gc}: frees what no snapshot uses. */
@Command(
        name = "gc",
        description = "Frees what no snapshot uses, and what writers left that did not finish.",
        mixinStandardHelpOptions = true)
final class StoreCollectCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(paramLabel = "STORE", description = "The store: a directory, or s3://BUCKET/PREFIX.")
    private String address = "";

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        out.println(sentence(Collector.collect(Store.open(StorePlaces.at(address)))));
        out.flush();
        return 0;
    }

    static String sentence(Collector.Collected collected) {
        return ByteSize.binary(collected.freedBytes()) + " freed: " + collected.removedPacks() + " packs removed, "
                + collected.shrunkPacks() + " written anew; " + ByteSize.binary(collected.keptBytes())
                + " of packs stay.";
    }
}
