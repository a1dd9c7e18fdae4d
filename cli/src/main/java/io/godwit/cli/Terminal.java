// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;

/** What is known of the standard output. */
final class Terminal {
    private Terminal() {}

    /** The view that fits: JSON if asked for, a drawing on a terminal, lines otherwise. */
    static ProgressView view(boolean json, PrintWriter out) {
        if (json) {
            return new JsonProgress(out);
        }
        return isTerminal() ? new TerminalProgress(out, isUnicode()) : new PlainProgress(out);
    }

    /** Whether standard output is a terminal that understands cursor movements. */
    static boolean isTerminal() {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/1")).toString();
            boolean terminal =
                    target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
            return terminal && !"dumb".equals(System.getenv("TERM"));
        } catch (IOException e) {
            return false;
        }
    }

    private static boolean isUnicode() {
        return System.out.charset().newEncoder().canEncode('\u2588');
    }
}
