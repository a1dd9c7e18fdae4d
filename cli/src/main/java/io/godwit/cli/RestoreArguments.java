// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import io.godwit.qemu.restore.Restore;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** What {@code godwit restore} and {@code clone} have in common: how the memory comes. */
final class RestoreArguments {
    @Option(
            names = "--full",
            description = "Let the guest run when all of its memory is there, and not before. Else it runs at once,"
                    + " and its memory follows.")
    private boolean full;

    @Option(
            names = "--no-preempt",
            description = "Send pages that the guest asks for on the same connection as the others. Godwit finds out"
                    + " where that is needed. Without --qmp it cannot; then a QEMU before 8.0 needs it, and a"
                    + " destination whose capability postcopy-preempt is off.")
    private boolean noPreempt;

    @Option(
            names = "--max-bandwidth",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "How many bytes a second may go to a guest, pages that it asks for not counted. Else as fast"
                    + " as it goes.")
    private long maxBandwidth;

    Restore.Settings settings() {
        return new Restore.Settings(!full, !full && !noPreempt, maxBandwidth);
    }

    /** The words behind {@code --}; empty if it was not said. */
    static List<String> command(CommandSpec spec, List<String> words) {
        List<String> all = spec.commandLine().getParseResult().originalArgs();
        int mark = all.indexOf("--");
        if (mark < 0) {
            return List.of();
        }
        int length = all.size() - mark - 1;
        if (length == 0) {
            throw new ParameterException(spec.commandLine(), "Nothing follows '--': name the QEMU to start");
        }
        if (length > words.size()) {
            throw new ParameterException(spec.commandLine(), "Say STORE/NAME before '--': the guest");
        }
        return words.subList(words.size() - length, words.size());
    }
}
