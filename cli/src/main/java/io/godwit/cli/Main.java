// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.cli;

import java.io.PrintStream;

/** Where the {@code godwit} command starts. */
public final class Main {
    private Main() {}

    /**
     * Runs one command. {@code --version} is answered before anything of picocli is loaded, so that it costs a JVM
     * start only.
     *
     * @param arguments the command line without the program's name
     */
    public static void main(String[] arguments) {
        PrintStream out = System.out;
        if (arguments.length == 1 && arguments[0].equals("--version")) {
            out.println("godwit " + Version.ofTheBuild());
            return;
        }
        System.setProperty("jdk.system.logger.format", "%4$s: %5$s%6$s%n");
        int status = GodwitCommand.run(arguments);
        // The exit ends what a host or a child may have left: the shutdown hooks are the one place where things are
        // closed.
        System.exit(status);
    }
}
