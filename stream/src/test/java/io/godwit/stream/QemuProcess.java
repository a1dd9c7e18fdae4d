// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
package io.godwit.stream;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** A QEMU that is driven over its standard input and output. */
final class QemuProcess implements AutoCloseable {
    private static final String PROGRAM = "qemu-system-x86_64";

    private final Process process;
    private final BufferedReader in;
    private final OutputStream out;
    private final List<String> events = new ArrayList<>();

    private QemuProcess(Process process) throws IOException {
        this.process = process;
        this.in = process.inputReader(StandardCharsets.UTF_8);
        this.out = process.getOutputStream();
        line();
        execute("{'execute': 'qmp_capabilities'}");
        capability("events");
    }

    static QemuProcess start(String... arguments) throws IOException {
        Assumptions.assumeTrue(
                isInstalled(), PROGRAM + " is not on the path: install qemu-system-x86 to run this test.");
        var command = new ArrayList<String>(List.of(PROGRAM, "-nodefaults", "-display", "none", "-qmp", "stdio"));
        command.addAll(List.of(arguments));
        return new QemuProcess(new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    }

    private static boolean isInstalled() {
        String path = System.getenv().getOrDefault("PATH", "");
        for (String directory : path.split(":", -1)) {
            if (!directory.isEmpty() && Files.isExecutable(Path.of(directory, PROGRAM))) {
                return true;
            }
        }
        return false;
    }

    void capability(String name) throws IOException {
        execute("{'execute': 'migrate-set-capabilities', 'arguments': {'capabilities': [{'capability': '" + name
                + "', 'state': true}]}}");
    }

    void migrate(String uri) throws IOException {
        execute("{'execute': 'migrate', 'arguments': {'uri': '" + uri + "'}}");
    }

    /** Executes a command with ' for ", and returns the line that answers it. */
    String execute(String command) throws IOException {
        out.write((command.replace('\'', '"') + "\n").getBytes(StandardCharsets.UTF_8));
        out.flush();
        while (true) {
            String line = line();
            if (line.startsWith("{\"return\"")) {
                return line;
            }
            if (line.startsWith("{\"error\"")) {
                throw new AssertionError(command + " was answered with " + line);
            }
            events.add(line);
        }
    }

    /** Waits until the migration has completed or failed; returns that word. */
    String outcome() throws IOException {
        for (int i = 0; ; i++) {
            while (i >= events.size()) {
                events.add(line());
            }
            String event = events.get(i);
            if (event.contains("\"MIGRATION\"") && event.contains("\"completed\"")) {
                return "completed";
            }
            if (event.contains("\"MIGRATION\"") && event.contains("\"failed\"")) {
                return "failed";
            }
        }
    }

    private String line() throws IOException {
        String line = in.readLine();
        if (line == null) {
            throw new IOException("QEMU has ended; events so far: " + events);
        }
        return line;
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
