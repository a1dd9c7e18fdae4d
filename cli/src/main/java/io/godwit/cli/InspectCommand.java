// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code godwit inspect}: what is in a migration stream. */
@Command(name = "inspect", description = "Lists what is in a migration stream.", mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
    @Override
    public Integer call() {
        return 0;
    }
}
