// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code godwit store}: guests that stand still, kept on a disk. */
@Command(
        name = "store",
        description = "Keeps guests that stand still: equal pages once, compressed, checked by their hashes.",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        subcommands = {
            StoreImportCommand.class,
            StoreListCommand.class,
            StoreShowCommand.class,
            StoreCheckCommand.class,
            StoreDiffCommand.class,
            StoreExportCommand.class,
            StoreRemoveCommand.class,
            StoreCollectCommand.class
        })
final class StoreCommand implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "Say what to do: import, ls, show, check, diff, export, rm or gc");
    }
}
