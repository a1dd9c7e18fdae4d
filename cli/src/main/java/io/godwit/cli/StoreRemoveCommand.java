// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.store.Store;
import io.godwit.store.StoreException;
import io.godwit.store.care.Collector;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code godwit store rm}: a snapshot goes, and what only it used. */
@Command(
        name = "rm",
        description = "Removes snapshots that nobody reads, then frees what no snapshot uses.",
        mixinStandardHelpOptions = true)
final class StoreRemoveCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(arity = "1..*", paramLabel = "STORE/NAME", description = "The snapshots.")
    private List<String> addresses = List.of();

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        List<StoreAddress> parsed = addresses.stream().map(StoreAddress::parse).toList();
        Map<String, Store> stores = new LinkedHashMap<>();
        for (StoreAddress address : parsed) {
            Store store = address.store();
            store.remove(address.name());
            out.println(address + " is removed.");
            out.flush();
            stores.put(store.toString(), store);
        }
        for (Store store : stores.values()) {
            try {
                out.println(StoreCollectCommand.sentence(Collector.collect(store)));
            } catch (StoreException e) {
                throw new CommandFailure(
                        "The snapshots are removed, but what only they used is not freed yet: " + e.getMessage()
                                + " Next: godwit store gc " + store,
                        e);
            }
        }
        out.flush();
        return 0;
    }
}
