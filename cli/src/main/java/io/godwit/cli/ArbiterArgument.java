// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.engine.arbiter.Arbiter;
import io.godwit.engine.arbiter.ArbiterException;
import io.godwit.engine.outcome.MigrationException;
import io.godwit.host.arbiter.Arbiters;
import java.util.List;
import picocli.CommandLine.Option;

/** Who gives the right to run the guest. */
final class ArbiterArgument {
    private static final String NAME = "--arbiter";

    @Option(
            names = NAME,
            paramLabel = "ARBITER",
            defaultValue = "lock",
            description = "Who gives the right to run the guest, the same for all of its hosts. lock:DIR: locks in a"
                    + " directory, for hosts of one machine (default: lock, in this machine's usual directory)."
                    + " etcd:HOST:PORT[,HOST:PORT...][,ttl=SECONDS]: a cluster of etcd. exec:COMMAND: a program of your"
                    + " cluster. none: nobody; for guests with one host only. docs/arbiter.md tells more.")
    private String name = "lock";

    /** The arbiter for one host; a sentence if it cannot be had. */
    Arbiter open() {
        try {
            return Arbiters.open(name);
        } catch (ArbiterException e) {
            throw new CommandFailure(MigrationException.sentence(e), e);
        }
    }

    /** The same for a host in a process of its own. */
    List<String> asWords() {
        return List.of(NAME, name);
    }
}
